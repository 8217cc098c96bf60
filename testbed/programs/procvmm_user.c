// SPDX-License-Identifier: GPL-2.0
/*
 * A process that runs code in guest mode on its own memory, through /dev/procvmm: lets it fault,
 * talk to devices and misbehave, does to the memory all that a process does meanwhile, and looks at
 * every byte. Prints a line for each check, as the samples do.
 *
 * The guest's addresses are the process': its code is functions of this program, its tables map
 * linear to guest-physical addresses one to one, and regions those to the process' own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../samples/procvmm_api.h"
#include "disturb.h"

#define PAGE	4096UL
#define LARGE	(2UL << 20)
#define WORDS	(PAGE / 8)

/*
 * Where the guest plays, where it finds devices, and where there is nothing. The kernel puts a
 * program's heap anywhere in the first GiB behind it.
 */
#define MEMORY	0x50000000UL
#define SIZE	(2 * LARGE)
#define PAGES	(SIZE / PAGE)
#define DEVICE	0xc0000000UL
#define COOKIE	0x5eedUL
#define HOLE	0x80000000UL
#define TOP	0x100000000UL	/* of what its tables map */

#define PORT_TEXT	0xe9
#define PORT_DICE	0x77
#define DICE		4

/*
 * Reports
 */

static int kmsg, passed, failed, skipped;
static char step;
static int flags;

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	char line[256] = "procvmm: ";
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line + 9, sizeof(line) - 10, format, args) + 9;
	va_end(args);
	line[n++] = '\n';
	if (write(kmsg, line, n) != n)
		perror("kmsg");
}

static int expect(const char *what, unsigned long expected, unsigned long got)
{
	const int ok = expected == got;

	say("%s (%c) %s: expected %#lx, got %#lx", ok ? "PASS" : "FAIL", step, what, expected, got);
	*(ok ? &passed : &failed) += 1;
	return ok;
}

static void skip(const char *why)
{
	say("SKIP (%c) %s", step, why);
	skipped++;
}

/*
 * The guest's code: general registers, its stack, memory
 */

#define GUEST	__attribute__((noinline, noclone, used, no_stack_protector,		\
			       target("general-regs-only"),				\
			       optimize("no-tree-loop-distribute-patterns")))

/* RAX has the function; its result is there in the end. */
void guest_entry(void);
asm(".text; guest_entry: call *%rax; vmcall; hlt");

static uint64_t pattern(uint64_t address, uint64_t salt);
GUEST static uint64_t pattern(uint64_t address, uint64_t salt)
{
	return (address + salt) * 0x9e3779b97f4a7c15UL;
}

GUEST static uint64_t guest_sum(uint64_t n)
{
	uint64_t sum = 0;

	for (; n; n--)
		sum += n;
	return sum;
}

GUEST static uint64_t guest_fill(uint64_t at, uint64_t pages, uint64_t salt)
{
	volatile uint64_t *word = (uint64_t *)at;

	for (; word < (uint64_t *)(at + pages * PAGE); word++)
		*word = pattern((uint64_t)word, salt);
	return pages;
}

/* How many words differ */
GUEST static uint64_t guest_check(uint64_t at, uint64_t pages, uint64_t salt)
{
	volatile uint64_t *word = (uint64_t *)at;
	uint64_t wrong = 0;

	for (; word < (uint64_t *)(at + pages * PAGE); word++)
		wrong += *word != pattern((uint64_t)word, salt);
	return wrong;
}

GUEST static uint64_t guest_read(uint64_t at)
{
	return *(volatile uint64_t *)at;
}

GUEST static uint64_t guest_write(uint64_t at, uint64_t value)
{
	*(volatile uint64_t *)at = value;
	return value;
}

/* One word in every so many pages */
GUEST static uint64_t guest_touch(uint64_t first, uint64_t stride, uint64_t value)
{
	for (uint64_t page = first; page < PAGES; page += stride)
		*(volatile uint64_t *)(MEMORY + page * PAGE + 16) = value + page;
	return stride;
}

GUEST static uint64_t guest_device(uint64_t at)
{
	volatile uint32_t *reg = (uint32_t *)at;
	volatile uint64_t *wide = (uint64_t *)(at + 64);

	reg[0] = 0x11;
	reg[3] = reg[0] + 0x22;
	wide[1] = 0x123456789abcdef0UL;
	return reg[3] + wide[1];
}

GUEST static uint64_t guest_print(const char *text)
{
	uint8_t dice;

	for (; *text; text++)
		asm volatile("out %%al, %%dx" : : "a" (*text), "d" (PORT_TEXT));
	asm volatile("in %%dx, %%al" : "=a" (dice) : "d" (PORT_DICE));
	return dice;
}

GUEST static uint64_t guest_undefined(void)
{
	asm volatile("ud2");
	return 0;
}

GUEST static uint64_t guest_float(void)
{
	asm volatile("fld1");
	return 0;
}

GUEST static uint64_t guest_debug_register(void)
{
	asm volatile("mov %0, %%dr0" : : "r" (0UL));
	return 0;
}

GUEST static uint64_t guest_msr(void)
{
	asm volatile("wrmsr" : : "a" (0), "d" (0), "c" (0xc0000082));
	return 0;
}

GUEST static uint64_t guest_control_register(void)
{
	asm volatile("mov %0, %%cr0" : : "r" (0x80000001UL));
	return 0;
}

GUEST static uint64_t guest_halt(void)
{
	asm volatile("hlt");
	return 77;
}

GUEST static uint64_t guest_forever(uint64_t at)
{
	for (;;)
		*(volatile uint64_t *)at += 1;
	return 0;
}

/* What a vCPU of its own word in each page has there, and what it found wrong */
struct hammer {
	uint64_t	seed;
	uint64_t	slot;
	uint64_t	wrong;
	uint64_t	expected[PAGES];
};

static struct hammer hammers[PROCVMM_VCPUS];

GUEST static uint64_t guest_hammer(struct hammer *h, uint64_t steps)
{
	for (; steps; steps--) {
		uint64_t page, at;

		h->seed = h->seed * 6364136223846793005UL + 1442695040888963407UL;
		page = (h->seed >> 33) % PAGES;
		at = MEMORY + page * PAGE + 64 * (h->slot + 1);
		if (*(volatile uint64_t *)at != h->expected[page])
			h->wrong++;
		if (h->seed >> 32 & 1) {
			h->expected[page] = h->seed;
			*(volatile uint64_t *)at = h->seed;
		}
	}
	return h->wrong;
}

/*
 * The VM
 */

#define ENTRY_TABLE	3UL		/* present, writable */
#define ENTRY_LARGE	0x83UL

static uint64_t tables[6][512] __attribute__((aligned(4096)));

static void make_tables(void)
{
	tables[0][0] = (uint64_t)tables[1] | ENTRY_TABLE;
	for (unsigned int i = 0; i < 4; i++)
		tables[1][i] = (uint64_t)tables[2 + i] | ENTRY_TABLE;
	for (uint64_t at = 0; at < TOP; at += LARGE)
		tables[2][at / LARGE] = at | ENTRY_LARGE;
}

struct cpu {
	struct procvmm_run	run;
	int			vm;
	unsigned long		exits;
	char			text[64];
	unsigned int		printed;
	uint64_t		device[64];
	uint8_t			stack[2048] __attribute__((aligned(16)));
};

static struct cpu cpus[PROCVMM_VCPUS];

static int add_region(int vm, struct procvmm_region region)
{
	region.address = region.gpa;
	return ioctl(vm, PROCVMM_ADD, &region) ? -errno : 0;
}

static int add(int vm, uint64_t at, uint64_t size)
{
	return add_region(vm, (struct procvmm_region){
		.gpa = at, .size = size, .rights = PROCVMM_WRITE,
	});
}

static void *map(uint64_t at, uint64_t size)
{
	void *memory = mmap((void *)at, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (memory == MAP_FAILED)
		expect("mmap", 0, errno);
	return memory;
}

/* This program, all of it, and fresh memory to play in, without huge pages until asked for */
static int make_vm(void)
{
	extern char __executable_start[], _end[];
	const uint64_t start = (uint64_t)__executable_start & -PAGE;
	const uint64_t end = ((uint64_t)_end + PAGE - 1) & -PAGE;
	const struct procvmm_region program = {
		.gpa = start, .size = end - start, .rights = PROCVMM_WRITE | PROCVMM_EXECUTE
	};
	const struct procvmm_region device = {
		.gpa = DEVICE, .size = 4 * PAGE, .cookie = COOKIE
	};
	int vm = open("/dev/procvmm", O_RDWR);

	map(MEMORY, SIZE);
	madvise((void *)MEMORY, SIZE, MADV_NOHUGEPAGE);
	memset(cpus, 0, sizeof(cpus));
	if (ioctl(vm, PROCVMM_CREATE, flags))
		expect("creating a VM", 0, errno);
	if (add_region(vm, program) || add_region(vm, device) || add(vm, MEMORY, SIZE))
		expect("adding memory", 0, errno);
	for (unsigned int i = 0; i < PROCVMM_VCPUS; i++) {
		cpus[i].vm = vm;
		cpus[i].run.vcpu = i;
	}
	return vm;
}

static void end_vm(int vm)
{
	close(vm);
	munmap((void *)MEMORY, SIZE);
}

static struct procvmm_stats stats_of(int vm)
{
	struct procvmm_stats stats = {};

	ioctl(vm, PROCVMM_STATS, &stats);
	return stats;
}

/*
 * Its devices
 */

static uint64_t *reg_of(struct procvmm_regs *regs, unsigned int nr)
{
	uint64_t *const by_number[16] = {
		(uint64_t *)&regs->rax, (uint64_t *)&regs->rcx, (uint64_t *)&regs->rdx,
		(uint64_t *)&regs->rbx, (uint64_t *)&regs->rsp, (uint64_t *)&regs->rbp,
		(uint64_t *)&regs->rsi, (uint64_t *)&regs->rdi, (uint64_t *)&regs->r8,
		(uint64_t *)&regs->r9, (uint64_t *)&regs->r10, (uint64_t *)&regs->r11,
		(uint64_t *)&regs->r12, (uint64_t *)&regs->r13, (uint64_t *)&regs->r14,
		(uint64_t *)&regs->r15,
	};

	return by_number[nr];
}

/* How long the address of an instruction is, from its ModRM byte on */
static unsigned int address_length(const uint8_t *modrm)
{
	const unsigned int mod = *modrm >> 6, rm = *modrm & 7;
	unsigned int length = 1 + (rm == 4);

	if (mod == 1)
		return length + 1;
	if (mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (modrm[1] & 7) == 5))))
		return length + 4;
	return length;
}

/*
 * A move between register, or immediate, and memory, 4 or 8 bytes: what compilers make of a
 * device's register. 0: something else
 */
static int emulate_move(struct cpu *cpu)
{
	struct procvmm_run *run = &cpu->run;
	const uint8_t *code = run->code;
	const unsigned int rex = (*code & 0xf0) == 0x40 ? *code++ : 0;
	const unsigned int opcode = *code++;
	const unsigned int wide = !!(rex & 8);
	uint64_t *reg = reg_of(&run->regs, (*code >> 3 & 7) | (rex & 4) << 1);
	uint8_t *at = (uint8_t *)cpu->device + run->offset;
	unsigned int length = address_length(code);
	int32_t immediate = 0;

	if (run->offset + 8 > sizeof(cpu->device))
		return 0;
	if (opcode == 0xc7) {
		memcpy(&immediate, code + length, 4);
		if (wide)
			*(int64_t *)at = immediate;
		else
			*(int32_t *)at = immediate;
		length += 4;
	} else if (opcode == 0x89) {
		memcpy(at, reg, wide ? 8 : 4);
	} else if (opcode == 0x8b) {
		*reg = wide ? *(uint64_t *)at : *(uint32_t *)at;
	} else {
		return 0;
	}
	run->regs.rip += code - run->code + length;
	return run->cookie == COOKIE && run->write == (opcode != 0x8b);
}

static int emulate_port(struct cpu *cpu)
{
	struct procvmm_run *run = &cpu->run;

	if (run->size != 1)
		return 0;
	if (run->port == PORT_TEXT && run->write && cpu->printed < sizeof(cpu->text) - 1) {
		cpu->text[cpu->printed++] = run->regs.rax;
		return 1;
	}
	if (run->port != PORT_DICE || run->write)
		return 0;
	run->regs.rax = (run->regs.rax & ~0xffUL) | DICE;
	return 1;
}

/*
 * Running it
 */

/* Until it wants something that isn't a device; why, or a negative errno */
static int go_on(struct cpu *cpu)
{
	for (;;) {
		int handled = 1;

		if (ioctl(cpu->vm, PROCVMM_RUN, &cpu->run))
			return -errno;
		cpu->exits++;
		if (cpu->run.exit == PROCVMM_PORT)
			handled = emulate_port(cpu);
		else if (cpu->run.exit == PROCVMM_MMIO)
			handled = emulate_move(cpu);
		else if (cpu->run.exit != PROCVMM_SIGNAL)
			handled = 0;
		if (!handled)
			return cpu->run.exit;
	}
}

#define start(cpu, function, ...)	start_at(cpu, (uint64_t)(function), \
						 (uint64_t[3]) { __VA_ARGS__ })

static int start_at(struct cpu *cpu, uint64_t function, const uint64_t *arguments)
{
	cpu->run.regs = (struct procvmm_regs){
		.rip = (uint64_t)guest_entry,
		.rsp = (uint64_t)(cpu->stack + sizeof(cpu->stack)),
		.cr3 = (uint64_t)tables,
		.rax = function,
		.rdi = arguments[0],
		.rsi = arguments[1],
		.rdx = arguments[2],
	};
	return go_on(cpu);
}

/* What a function returns; -1 where it doesn't */
#define call(cpu, ...)	(start(cpu, __VA_ARGS__) == PROCVMM_CALL ? (cpu)->run.regs.rax : -1UL)

static struct cpu *const cpu0 = &cpus[0];

/* Words of the memory that differ, for the process */
static unsigned long differing(uint64_t at, uint64_t pages, uint64_t salt)
{
	return guest_check(at, pages, salt);
}

/*
 * Steps
 */

static void runs_own_code(int vm)
{
	expect("the sum of 1 to 1000, by a function of this program in guest mode", 500500,
	       call(cpu0, guest_sum, 1000));
	expect("exits to the process for it", 1, cpu0->exits);
	expect("whether it took faults", 1, stats_of(vm).resumed > 3);
}

static void shares_memory(int vm)
{
	expect("pages filled by the guest", PAGES, call(cpu0, guest_fill, MEMORY, PAGES, 1));
	expect("words that differ for the process", 0, differing(MEMORY, PAGES, 1));
	guest_fill(MEMORY, PAGES, 2);
	expect("words that differ for the guest, written by the process", 0,
	       call(cpu0, guest_check, MEMORY, PAGES, 2));
}

static void reads_zero_first(int vm)
{
	volatile uint64_t *word = (uint64_t *)MEMORY;

	expect("a page that nobody touched", 0, call(cpu0, guest_read, MEMORY));
	*word = 5;
	expect("the same, written by the process since", 5, call(cpu0, guest_read, MEMORY));
	call(cpu0, guest_write, MEMORY, 6);
	expect("the same, written by the guest since", 6, *word);
}

static void reaches_devices(int vm)
{
	expect("what a device's registers add up to", 0x33 + 0x123456789abcdef0UL,
	       call(cpu0, guest_device, DEVICE));
	expect("exits to the process for it", 7, cpu0->exits);
	expect("what was left in one", 0x33, *((uint32_t *)cpu0->device + 3));
	expect("what was thrown", DICE, call(cpu0, guest_print, (uint64_t)"hello"));
	expect("whether the text came", 0, strcmp(cpu0->text, "hello"));
}

static void faults_where_nothing_is(int vm)
{
	expect("why it stops (PROCVMM_MEMORY)", PROCVMM_MEMORY, start(cpu0, guest_read, HOLE + 8));
	expect("where", HOLE + 8, cpu0->run.gpa);
	expect("no error", 0, cpu0->run.error);
	*(uint64_t *)(map(HOLE, PAGE) + 8) = 99;
	expect("adding memory there", 0, add(vm, HOLE, PAGE));
	expect("what becomes of it then", PROCVMM_CALL, go_on(cpu0));
	expect("what it reads", 99, cpu0->run.regs.rax);
	munmap((void *)HOLE, PAGE);
	start(cpu0, guest_read, HOLE + 8);
	expect("the error once the process has no memory there", EFAULT, -cpu0->run.error);
}

static void follows_munmap(int vm)
{
	guest_fill(MEMORY, PAGES, 3);
	call(cpu0, guest_check, MEMORY, PAGES, 3);
	munmap((void *)(MEMORY + PAGE), 5 * PAGE);
	expect("a read of unmapped memory", PROCVMM_MEMORY, start(cpu0, guest_read, MEMORY + PAGE));
	expect("its error", EFAULT, -cpu0->run.error);
	map(MEMORY + PAGE, 5 * PAGE);
	expect("mapped anew, it goes on", PROCVMM_CALL, go_on(cpu0));
	expect("with a new page", 0, cpu0->run.regs.rax);
	expect("words that differ behind it", 0,
	       call(cpu0, guest_check, MEMORY + 6 * PAGE, PAGES - 6, 3));
	expect("words that differ before it", 0, call(cpu0, guest_check, MEMORY, 1, 3));
}

static void follows_mprotect(int vm)
{
	struct procvmm_region region = { .gpa = MEMORY, .size = PAGE };

	call(cpu0, guest_fill, MEMORY, PAGES, 4);
	mprotect((void *)MEMORY, PAGE, PROT_READ);
	expect("a read of read-only memory", 0, call(cpu0, guest_check, MEMORY, 1, 4));
	expect("a write", PROCVMM_MEMORY, start(cpu0, guest_write, MEMORY, 8));
	expect("its error", EFAULT, -cpu0->run.error);
	mprotect((void *)MEMORY, PAGE, PROT_READ | PROT_WRITE);
	expect("the write, allowed again", PROCVMM_CALL, go_on(cpu0));
	expect("what it left", 8, *(volatile uint64_t *)MEMORY);

	ioctl(vm, PROCVMM_PROTECT, &region);
	expect("a write that the region forbids", PROCVMM_MEMORY,
	       start(cpu0, guest_write, MEMORY, 9));
	expect("no error", 0, cpu0->run.error);
	region.rights = PROCVMM_WRITE;
	ioctl(vm, PROCVMM_PROTECT, &region);
	expect("the write, allowed again", PROCVMM_CALL, go_on(cpu0));
	expect("what it left", 9, *(volatile uint64_t *)MEMORY);
}

static int child_of_fork(int vm, int go)
{
	struct procvmm_run run = {};
	char byte;

	if (read(go, &byte, 1) != 1)
		return 1;
	if (differing(MEMORY, PAGES, 5))
		return 2;
	if (!ioctl(vm, PROCVMM_RUN, &run) || errno != EPERM)
		return 3;
	memset((void *)MEMORY, 0, SIZE);
	return 0;
}

static void copies_after_fork(int vm)
{
	int status = -1, go[2];
	pid_t child;

	call(cpu0, guest_fill, MEMORY, PAGES, 5);
	if (pipe(go))
		return;
	child = fork();
	if (!child)
		_exit(child_of_fork(vm, go[0]));
	expect("pages filled by the guest after the fork", PAGES,
	       call(cpu0, guest_fill, MEMORY, PAGES, 6));
	expect("the child is told", 1, write(go[1], "", 1));
	waitpid(child, &status, 0);
	expect("what the child found wrong with what was there before", 0, status);
	expect("words that differ for the guest", 0, call(cpu0, guest_check, MEMORY, PAGES, 6));
	close(go[0]);
	close(go[1]);
}

static long resident(void)
{
	static unsigned char there[PAGES];
	long nr = 0;

	mincore((void *)MEMORY, SIZE, there);
	for (unsigned long i = 0; i < PAGES; i++)
		nr += there[i] & 1;
	return nr;
}

static int has_swap(void)
{
	char text[512] = "";
	int fd = open("/proc/swaps", O_RDONLY);
	int n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 && strchr(text, '/');
}

/* The guest's page tables too; and until they are gone, as some may be in use. */
static void swap_out(void)
{
	for (int i = 0; i < 3; i++) {
		madvise((void *)MEMORY, SIZE, MADV_PAGEOUT);
		madvise(tables, sizeof(tables), MADV_PAGEOUT);
	}
}

static void survives_swapping(int vm)
{
	if (!has_swap()) {
		skip("there is nowhere to swap to");
		return;
	}
	for (int salt = 7; salt < 9; salt++) {
		call(cpu0, guest_fill, MEMORY, PAGES, salt);
		swap_out();
		expect("whether most pages were swapped out", 1, resident() < (long)PAGES / 4);
		expect("words that differ for the guest", 0,
		       call(cpu0, guest_check, MEMORY, PAGES, salt));
	}
}

static int has_huge_pages(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK);
}

static void uses_huge_pages(int vm)
{
	if (!has_huge_pages()) {
		skip("this kernel has no huge pages");
		return;
	}
	madvise((void *)MEMORY, SIZE, MADV_HUGEPAGE);
	call(cpu0, guest_fill, MEMORY, PAGES, 9);
	expect("2M leaves", SIZE / LARGE, stats_of(vm).leaves[1]);
	madvise((void *)(MEMORY + 3 * PAGE), PAGE, MADV_DONTNEED);
	expect("a page that was cut out of one", 0, call(cpu0, guest_read, MEMORY + 3 * PAGE));
	expect("2M leaves left", SIZE / LARGE - 1, stats_of(vm).leaves[1]);
	call(cpu0, guest_fill, MEMORY + 3 * PAGE, 1, 9);
	expect("words that differ", 0, call(cpu0, guest_check, MEMORY, PAGES, 9));
	expect("words that differ for the process", 0, differing(MEMORY, PAGES, 9));
}

static void uses_collapsed_pages(int vm)
{
	if (!has_huge_pages()) {
		skip("this kernel has no huge pages");
		return;
	}
	call(cpu0, guest_fill, MEMORY, PAGES, 10);
	expect("2M leaves of small pages", 0, stats_of(vm).leaves[1]);
	madvise((void *)MEMORY, SIZE, MADV_HUGEPAGE);
	if (madvise((void *)MEMORY, SIZE, MADV_COLLAPSE)) {
		skip("this kernel doesn't collapse when asked");
		return;
	}
	expect("words that differ once they are collapsed", 0,
	       call(cpu0, guest_check, MEMORY, PAGES, 10));
	expect("2M leaves then", SIZE / LARGE, stats_of(vm).leaves[1]);
}

static int log_of(int vm, unsigned long command, uint64_t *bitmap)
{
	struct procvmm_log log = { .gpa = MEMORY, .size = SIZE, .bitmap = (uint64_t)bitmap };

	memset(bitmap, 0, PAGES / 8);
	return ioctl(vm, command, &log) ? -errno : 0;
}

/* Bits that aren't of every so many pages, or are missing */
static unsigned long unlike(const uint64_t *bitmap, unsigned long first, unsigned long stride)
{
	unsigned long wrong = 0;

	for (unsigned long i = 0; i < PAGES; i++)
		wrong += (bitmap[i / 64] >> i % 64 & 1) !=
			 (i >= first && (i - first) % stride == 0);
	return wrong;
}

static void logs_writes(int vm)
{
	static uint64_t bitmap[PAGES / 64];
	const unsigned long logged = stats_of(vm).logged;

	if (has_huge_pages())
		madvise((void *)MEMORY, SIZE, MADV_HUGEPAGE);
	call(cpu0, guest_fill, MEMORY, PAGES, 11);
	expect("starting a log", 0, log_of(vm, PROCVMM_LOG_START, bitmap));
	for (unsigned long round = 0; round < 4; round++) {
		expect("a round of writes", 7, call(cpu0, guest_touch, round, 7, round));
		if (round == 1)
			swap_out();
		if (round == 2)
			mprotect((void *)MEMORY, LARGE, PROT_READ);
		expect("asking for the log", 0, log_of(vm, PROCVMM_LOG_GET, bitmap));
		expect("pages that are wrong in it", 0, unlike(bitmap, round, 7));
		mprotect((void *)MEMORY, LARGE, PROT_READ | PROT_WRITE);
	}
	call(cpu0, guest_check, MEMORY, PAGES, 12);
	log_of(vm, PROCVMM_LOG_GET, bitmap);
	expect("pages in it after reads", 0, unlike(bitmap, PAGES, 1));
	expect("whether the CPU logged them", !!(flags & PROCVMM_PML),
	       stats_of(vm).logged > logged);
	expect("stopping it", 0, log_of(vm, PROCVMM_LOG_STOP, bitmap));
	expect("asking then", ENOENT, -log_of(vm, PROCVMM_LOG_GET, bitmap));
}

/*
 * Two vCPUs, while the process does what keeps its contents
 */

static volatile int over;

/* An access may meet a moment when nothing is there: the guest tries again. */
static void *hammer_on(void *arg)
{
	struct cpu *cpu = arg;
	struct hammer *h = &hammers[cpu->run.vcpu];
	unsigned long *rounds = calloc(1, sizeof(*rounds));
	int exit = PROCVMM_CALL;

	while (!over || *rounds < 3) {
		if (exit == PROCVMM_CALL)
			exit = start(cpu, guest_hammer, (uint64_t)h, 2000);
		else
			exit = go_on(cpu);
		if (exit == PROCVMM_CALL)
			++*rounds;
		else if (exit != PROCVMM_MEMORY || cpu->run.error != -EFAULT)
			break;
	}
	if (exit != PROCVMM_CALL && exit != PROCVMM_MEMORY)
		expect("why a vCPU stopped (PROCVMM_CALL)", PROCVMM_CALL, exit);
	return rounds;
}

/* Its guest's page tables are memory, too. */
static void disturb_more(int vm, unsigned int what)
{
	static uint64_t bitmap[PAGES / 64];

	if (what % 2) {
		madvise(tables, sizeof(tables), MADV_PAGEOUT);
		return;
	}
	log_of(vm, PROCVMM_LOG_START, bitmap);
	log_of(vm, PROCVMM_LOG_GET, bitmap);
	log_of(vm, PROCVMM_LOG_STOP, bitmap);
}

#define VCPUS		2
#define DISTURBANCES	60

static void loses_no_write(int vm)
{
	pthread_t threads[VCPUS];
	struct disturbed disturbed = {
		.memory = (char *)MEMORY, .pages = PAGES, .away = (char *)HOLE, .seed = 77,
	};
	unsigned long *rounds[VCPUS], before;

	memset(hammers, 0, sizeof(hammers));
	if (has_huge_pages())
		madvise((void *)MEMORY, SIZE, MADV_HUGEPAGE);
	before = stats_of(vm).invalidations;
	over = 0;
	for (unsigned int i = 0; i < VCPUS; i++) {
		hammers[i].slot = i;
		hammers[i].seed = i + 1;
		pthread_create(&threads[i], NULL, hammer_on, &cpus[i]);
	}
	for (int i = 0; i < DISTURBANCES; i++)
		if (!disturb(&disturbed))
			disturb_more(vm, disturb_random(&disturbed.seed));
	over = 1;
	for (unsigned int i = 0; i < VCPUS; i++) {
		pthread_join(threads[i], (void **)&rounds[i]);
		say("vCPU %u: %lu rounds, %lu exits", i, *rounds[i], cpus[i].exits);
		expect("whether a vCPU got on", 1, *rounds[i] >= 3);
		expect("words of its own that it found changed", 0, hammers[i].wrong);
	}
	expect("whether the kernel took memory back meanwhile", 1,
	       stats_of(vm).invalidations >= before + DISTURBANCES / 2);
	for (unsigned int i = 0; i < VCPUS; i++) {
		unsigned long wrong = 0;

		for (unsigned long page = 0; page < PAGES; page++)
			wrong += *(uint64_t *)(MEMORY + page * PAGE + 64 * (i + 1)) !=
				 hammers[i].expected[page];
		expect("words that the process finds changed", 0, wrong);
	}
}

/*
 * Ends and errors
 */

/* A process of its own, killed with a guest that would run for ever */
static void ends_with_its_process(int vm)
{
	volatile uint64_t *count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child = fork();

	if (!child) {
		int mine = make_vm();

		add(mine, HOLE, PAGE);
		mremap((void *)count, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, HOLE);
		start(&cpus[0], guest_forever, HOLE);
		_exit(1);
	}
	for (int i = 0; i < 500 && *count < 1000; i++)
		usleep(10000);
	expect("whether its guest ran", 1, *count >= 1000);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	expect("what it ended by", SIGKILL, WTERMSIG(status));
	expect("our own guest's sum of 1 to 10", 55, call(cpu0, guest_sum, 10));
}

static void reports_misbehaviour(int vm)
{
	expect("an undefined instruction", PROCVMM_EXCEPTION, start(cpu0, guest_undefined, 0));
	expect("its vector", 6, cpu0->run.vector);
	expect("the FPU", PROCVMM_EXCEPTION, start(cpu0, guest_float, 0));
	expect("its vector", 7, cpu0->run.vector);
	expect("memory that no page table maps", PROCVMM_EXCEPTION, start(cpu0, guest_read, TOP));
	expect("its vector", 14, cpu0->run.vector);
	expect("its address", TOP, cpu0->run.address);
	expect("a debug register", PROCVMM_OTHER, start(cpu0, guest_debug_register, 0));
	expect("an MSR", PROCVMM_OTHER, start(cpu0, guest_msr, 0));
	expect("a control register", PROCVMM_OTHER, start(cpu0, guest_control_register, 0));
	expect("running what is no code", PROCVMM_MEMORY, start(cpu0, MEMORY, 0));
	expect("where", MEMORY, cpu0->run.gpa);
	expect("HLT", PROCVMM_HALT, start(cpu0, guest_halt, 0));
	expect("going on behind it", PROCVMM_CALL, go_on(cpu0));
	expect("with the result", 77, cpu0->run.regs.rax);
}

static void refuses(int vm)
{
	struct procvmm_run run = { .vcpu = PROCVMM_VCPUS };
	int fresh = open("/dev/procvmm", O_RDWR);

	expect("memory of a VM that isn't made yet", ENXIO, -add(fresh, HOLE, PAGE));
	expect("unknown flags", -1, ioctl(fresh, PROCVMM_CREATE, 0x80));
	expect("which is EINVAL", EINVAL, errno);
	close(fresh);
	expect("making it twice", -1, ioctl(vm, PROCVMM_CREATE, 0));
	expect("which is EEXIST", EEXIST, errno);
	expect("memory over other memory", EEXIST, -add(vm, MEMORY + PAGE, PAGE));
	expect("misaligned memory", EINVAL, -add(vm, HOLE + 1, PAGE));
	expect("no memory", EINVAL, -add(vm, HOLE, 0));
	expect("an address that no guest has", ERANGE, -add(vm, 1UL << 52, PAGE));
	expect("a vCPU too many", -1, ioctl(vm, PROCVMM_RUN, &run));
	expect("which is EINVAL", EINVAL, errno);
	expect("an unknown command", -1, ioctl(vm, _IO('p', 99), 0));
	expect("which is ENOTTY", ENOTTY, errno);
	expect("a bad pointer", -1, ioctl(vm, PROCVMM_ADD, 8));
	expect("which is EFAULT", EFAULT, errno);
}

static const struct {
	const char	*title;
	void		(*run)(int vm);
} steps[] = {
	{ "a function of the process runs in guest mode", runs_own_code },
	{ "guest and process share memory", shares_memory },
	{ "memory that nobody touched", reads_zero_first },
	{ "devices, by memory and ports", reaches_devices },
	{ "memory that isn't there", faults_where_nothing_is },
	{ "munmap", follows_munmap },
	{ "mprotect, and rights of a region", follows_mprotect },
	{ "fork", copies_after_fork },
	{ "swapping out and in", survives_swapping },
	{ "huge pages, whole and cut", uses_huge_pages },
	{ "pages that are collapsed", uses_collapsed_pages },
	{ "the log of written pages", logs_writes },
	{ "two vCPUs, while their memory is taken away and given back", loses_no_write },
	{ "a process that is killed in its guest", ends_with_its_process },
	{ "a guest that misbehaves", reports_misbehaviour },
	{ "bad requests", refuses },
};

/* 0: this CPU can't have it so. */
static int can_have(int wanted)
{
	int vm = open("/dev/procvmm", O_RDWR);
	const int err = ioctl(vm, PROCVMM_CREATE, wanted) ? errno : 0;

	if (vm < 0)
		expect("opening /dev/procvmm", 0, errno);
	close(vm);
	return err != EOPNOTSUPP;
}

/* The argument: flags of PROCVMM_CREATE */
int main(int argc, char **argv)
{
	kmsg = open("/dev/kmsg", O_WRONLY);
	flags = argc > 1 ? atoi(argv[1]) : 0;
	step = '-';
	make_tables();
	if (!can_have(flags)) {
		skip("this CPU does not log by itself");
		say("done: nothing");
		return 0;
	}
	for (unsigned int i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int vm = make_vm();

		step = 'a' + i;
		say("(%c) %s", step, steps[i].title);
		steps[i].run(vm);
		end_vm(vm);
	}
	say("done: %d passed, %d failed, %d skipped", passed, failed, skipped);
	return !!failed;
}
