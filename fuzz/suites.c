// SPDX-License-Identifier: GPL-2.0
/* Runs the KUnit suites that were built for user space: all, or those that the arguments choose. */
#include "ept_table.h"
#include "kunit.h"

int main(int argc, char **argv)
{
	bool good;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (native_init())
		return 2;
	good = native_run_suites(argv + 1);
	native_exit();
	native_expect(!ept_table_pages(), "pages of tables are left, or counted");
	return !good;
}
