// SPDX-License-Identifier: GPL-2.0
/* Runs the KUnit suites that were built for user space: all, or those that begin with an argument. */
#include "kunit.h"

int main(int argc, char **argv)
{
	bool good = true;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (native_init())
		return 2;
	if (argc < 2)
		good = native_run_suites("");
	for (i = 1; i < argc; i++)
		good &= native_run_suites(argv[i]);
	native_exit();
	return !good;
}
