# SPDX-License-Identifier: GPL-2.0
"""A picture of who includes whom, in the language of Graphviz, from the sources as they are."""

import pathlib
import re
import subprocess

INCLUDE = re.compile(r'^#include "(?:\.\./)*([\w/]+)\.h"', re.MULTILINE)
# Included by all, and no layer of its own
EVERYWHERE = {'ept_compat', 'ept_trace'}


def node(path):
    """A layer is a folder, its header included; in the core it is a source with its header."""
    return path.parent.name + '/' if path.parent.name else path.stem


def edges(top):
    sources = [p.relative_to(top) for p in sorted(top.glob('ept_*.[ch]'))]
    folders = ['guest', 'memtype', 'space']
    sources += [p.relative_to(top) for f in folders for p in sorted(top.glob(f + '/*.[ch]'))]
    for path in sources:
        for name in INCLUDE.findall((top / path).read_text()):
            included = pathlib.Path(name)
            if not included.parent.name and (top / path.parent / (name + '.h')).exists():
                included = path.parent / name
            pair = node(path), node(included)
            if pair[0] != pair[1] and not EVERYWHERE.intersection(pair):
                yield pair


def write(top, target):
    lines = ['digraph layers {',
             'node [shape=box, style=filled, fillcolor="#eef3f8", fontname="monospace", fontsize=11];',
             'edge [color="#667788", arrowsize=0.6];',
             'ept_core_h [label="ept_core.h", fillcolor="#fdf3dc"];']
    for user, used in sorted(set(edges(top))):
        # The file of this name is on top, its header below all.
        used = 'ept_core_h' if used == 'ept_core' else used
        lines.append(f'"{user}" -> "{used}";')
    text = '\n'.join(lines + ['}', ''])
    # Without the arrows that follow from others
    reduced = subprocess.run(['tred'], input=text, stdout=subprocess.PIPE, text=True, check=True)
    target.write_text(reduced.stdout)
