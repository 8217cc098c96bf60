# SPDX-License-Identifier: GPL-2.0
#
# Sphinx: "make docs". kernel-doc and its directive are those of the kernel's source, at EPT_KERNEL.

import logging
import os
import pathlib
import re
import sys

kernel = os.environ['EPT_KERNEL']
here = pathlib.Path(__file__).resolve().parent
top = here.parent
sys.path[:0] = [kernel + '/Documentation/sphinx', str(here)]

import layers

layers.write(top, here / 'pictures/layers.dot')

release = re.search('PACKAGE_VERSION="(.*)"', (top / 'dkms.conf').read_text()).group(1)
version = release

project = 'ept'
author = 'The ept authors'
copyright = author

extensions = ['kerneldoc', 'automarkup', 'sphinx.ext.graphviz']
kerneldoc_bin = kernel + '/scripts/kernel-doc'
kerneldoc_srctree = str(top)
kerneldoc_verbosity = 1

primary_domain = 'c'
highlight_language = 'none'
# What kernel-doc leaves in prototypes
c_id_attributes = ['__percpu', '__must_check']


class NamespacesOfC(logging.Filter):
    """A structure and a function may share a name; to Sphinx that is a duplicate."""

    def filter(self, record):
        return 'Duplicate C declaration' not in record.getMessage()


logging.getLogger('sphinx.sphinx.domains.c').addFilter(NamespacesOfC())

graphviz_output_format = 'svg'

html_theme = 'alabaster'
html_theme_options = {
    'description': 'Intel Extended Page Tables for other modules',
    'page_width': '70em',
    'fixed_sidebar': True,
}
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
