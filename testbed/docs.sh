# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The documentation, by Sphinx and the kernel's kernel-doc.

# build_docs SOURCES HTML: a warning is an error.
build_docs() {
	EPT_KERNEL=$SRC PYTHONDONTWRITEBYTECODE=1 sphinx-build -q -W --keep-going -j "$JOBS" \
		-d "$2.doctrees" -b html "$1/Documentation" "$2"
}
