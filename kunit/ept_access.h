/* SPDX-License-Identifier: GPL-2.0 */
/* What is called before each access to memory that ept.ko makes, where it is built for that. */
#ifndef EPT_KUNIT_ACCESS_H
#define EPT_KUNIT_ACCESS_H

extern void (*ept_access_hook)(void *where);

#endif
