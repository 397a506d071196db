# SPDX-License-Identifier: BSD-2-Clause
"""Turns what `tmux capture-pane -e -p` prints into cells, and cells into an SVG picture that needs
nothing else.

Every piece of text is placed at its column and told its width, so that the columns hold whatever
monospace font the reader has. Block elements are drawn as rectangles: as letters they leave gaps in
many fonts.
"""

import re
import unicodedata
from collections import namedtuple
from xml.sax.saxutils import escape

COLUMN, ROW, SIZE, BASELINE = 8.4, 18, 14, 13.5
MARGIN = 12
FOREGROUND, BACKGROUND = "#d0d7de", "#10151c"
FONTS = "'DejaVu Sans Mono',Menlo,'Liberation Mono',Consolas,monospace"
# The first 16 colours are a theme's choice, the others are fixed.
THEME = (
    "#2b323b #f0706a #6fc276 #d9b44a #6aa5f0 #c78ae0 #56b9c2 #c3cad2 "
    "#6b7683 #ff938c #91dc97 #f0d075 #93c0ff #dcaaf2 #80d8df #f0f4f8"
).split()
# DEC's line drawing, which tmux names by shift-out.
LINES = dict(zip("`afgjklmnopqrstuvwxyz{|}~", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"))
SHADES = {"░": 0.3, "▒": 0.55, "▓": 0.8, "█": 1.0}
TOKEN = re.compile(
    "\x1b\\[([0-9;:]*)m|\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[()][0-9A-B]|[\x0e\x0f]|\n|([^\x1b])", re.S
)

Style = namedtuple("Style", "fill back bold dim italic underline reverse")
PLAIN = Style(None, None, False, False, False, False, False)
Cell = namedtuple("Cell", "text style width")  # width 2: the next column is its as well


def colour(number):
    """One of the 256 colours."""
    if number < 16:
        return THEME[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    steps = (0, 95, 135, 175, 215, 255)
    number -= 16
    return "#%02x%02x%02x" % tuple(steps[number // d % 6] for d in (36, 6, 1))


def take_colour(codes):
    """The rest of a 38 or 48: a number of the palette or three parts. Returns the colour, None if
    it is neither."""
    kind = codes.pop(0) if codes else None
    if kind == 5 and codes:
        return colour(min(codes.pop(0), 255))
    if kind == 2 and len(codes) >= 3:
        return "#%02x%02x%02x" % tuple(min(codes.pop(0), 255) for _ in range(3))
    return None


FLAGS = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"reverse": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"reverse": False},
    39: {"fill": None},
    49: {"back": None},
}


def restyle(style, text):
    """Select graphic rendition."""
    codes = [int(code or 0) for code in re.split("[;:]", text)]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = PLAIN
        elif code in FLAGS:
            style = style._replace(**FLAGS[code])
        elif code in (38, 48):
            style = style._replace(**{"fill" if code == 38 else "back": take_colour(codes)})
        elif code // 10 in (3, 9):
            style = style._replace(fill=colour(code % 10 + (8 if code >= 90 else 0)))
        elif code // 10 in (4, 10):
            style = style._replace(back=colour(code % 10 + (8 if code >= 100 else 0)))
    return style


def width_of(character):
    if unicodedata.combining(character) or unicodedata.category(character) in (
        "Cf",
        "Cc",
        "Mn",
        "Me",
    ):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def parse(text):
    """Rows of cells. A style goes on over the end of a line, as tmux means it."""
    rows, style, is_drawing = [[]], PLAIN, False
    for match in TOKEN.finditer(text):
        codes, character = match.groups()
        if codes is not None:
            style = restyle(style, codes)
        elif match.group() in "\x0e\x0f":
            is_drawing = match.group() == "\x0e"
        elif match.group() == "\n":
            rows.append([])
        elif character:
            character = LINES.get(character, character) if is_drawing else character
            width = width_of(character)
            if width:
                rows[-1].append(Cell(character, style, width))
            elif rows[-1] and unicodedata.combining(character):
                last = rows[-1].pop()
                rows[-1].append(last._replace(text=last.text + character))
    if not rows[-1]:
        rows.pop()
    return rows


def mix(one, other, share):
    parts = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in parts)


def paint(style):
    """The colours a cell really has: text, and what is behind it (None: nothing)."""
    fill, back = style.fill or FOREGROUND, style.back
    if style.reverse:
        fill, back = back or BACKGROUND, fill
    if style.dim:
        fill = mix(fill, back or BACKGROUND, 0.6)
    return fill, back


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rectangle(column, row, columns, fill, top=0.0, opacity=1.0):
    """Part of the cells from a column on, from `top` of their height down."""
    return (
        f'<rect x="{number(MARGIN + column * COLUMN)}" y="{number(MARGIN + (row + top) * ROW)}" '
        f'width="{number(columns * COLUMN)}" height="{number((1 - top) * ROW)}" fill="{fill}"'
        + (f' fill-opacity="{number(opacity)}"' if opacity < 1 else "")
        + "/>"
    )


def block(character):
    """(where it begins, opacity) of a block element that is drawn, else None."""
    if "▁" <= character <= "▇":
        return 1 - (ord(character) - ord("▁") + 1) / 8, 1.0
    return (0.0, SHADES[character]) if character in SHADES else None


def runs(cells, key):
    """(column, columns, cells) of neighbours with the same key; those without one are left out."""
    found, column, last = [], 0, None
    for cell in cells:
        this = key(cell)
        if this is not None:
            if this == last:
                found[-1][1] += cell.width
                found[-1][2].append(cell)
            else:
                found.append([column, cell.width, [cell]])
        last = this
        column += cell.width
    return found


def pieces(column, text, cells):
    """A run of text without the wide gaps in it: (column, text)."""
    columns = [column]
    for cell in cells:
        columns += [columns[-1] + cell.width] + [columns[-1] + cell.width] * (len(cell.text) - 1)
    for match in re.finditer(r"\S+(?: \S+)*", text):
        yield columns[match.start()], columns[match.end()] - columns[match.start()], match.group()


def span(column, columns, text, style):
    words = [f'x="{number(MARGIN + column * COLUMN)}"']
    if columns > 1:
        words.append(f'textLength="{number(columns * COLUMN)}"')
    if paint(style)[0] != FOREGROUND:
        words.append(f'fill="{paint(style)[0]}"')
    words += [
        word
        for word, is_so in (
            ('font-weight="bold"', style.bold),
            ('font-style="italic"', style.italic),
            ('text-decoration="underline"', style.underline),
        )
        if is_so
    ]
    return f"<tspan {' '.join(words)}>{escape(text)}</tspan>"


def draw_row(row, cells):
    shapes, spans = [], []
    for column, columns, run in runs(cells, lambda cell: paint(cell.style)[1]):
        shapes.append(rectangle(column, row, columns, paint(run[0].style)[1]))
    for column, columns, run in runs(
        cells, lambda cell: block(cell.text) and (block(cell.text), paint(cell.style)[0])
    ):
        top, opacity = block(run[0].text)
        shapes.append(rectangle(column, row, columns, paint(run[0].style)[0], top, opacity))
    for column, _, run in runs(cells, lambda cell: None if block(cell.text) else cell.style):
        text = "".join(cell.text for cell in run)
        spans += [span(*piece, run[0].style) for piece in pieces(column, text, run)]
    if spans:
        shapes.append(f'<text y="{number(MARGIN + row * ROW + BASELINE)}">{"".join(spans)}</text>')
    return shapes


def svg(text, columns, rows, title):
    """The picture of a captured pane of this size."""
    width, height = number(columns * COLUMN + 2 * MARGIN), number(rows * ROW + 2 * MARGIN)
    shapes = [
        shape for row, cells in enumerate(parse(text)[:rows]) for shape in draw_row(row, cells)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" '
            f'font-family="{FONTS}" font-size="{SIZE}" fill="{FOREGROUND}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )
