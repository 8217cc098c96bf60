// SPDX-License-Identifier: GPL-2.0
/*
 * The model MMU of the KUnit suites, for this module: so that it is held to a CPU that isn't ours.
 */
#include "model_mmu.c"
