# SPDX-License-Identifier: MIT
"""
The IPSec Reference as text: its chapters, its blocks of screen text and what kind each is, and its syntax notation
({ a | b }, [ c ], variables by name) expanded into lines that can be typed. Used by examples.py. Nothing here knows a
single command: what is found depends on headings, fences, indentation and brackets alone.
"""
import re
from dataclasses import dataclass, field


EXEC_VERBS = ("show", "clear", "cmp", "crypto")
START = ("configure", "config")


@dataclass
class Block:
    """Text between two ``` lines. kind: example, command or output; mode: where a command belongs."""

    first: int
    lines: list  # (line number, text)
    chapter: int
    mode: str = ""
    kind: str = "output"
    joins: bool = False  # goes on where the example before it stopped (a page break)


@dataclass
class Example:
    """What is typed one after the other. mode: config, context or exec, where the first statement is typed."""

    chapter: int
    mode: str
    kind: str  # example, command
    lines: list = field(default_factory=list)  # (line number, text): screen lines, not yet joined to statements
    extra: list = field(default_factory=list)  # (line number, text): what the notes after it say may be typed


def chapter_lines(text):
    """Where each chapter starts: the table of contents names them first, the last mention counts."""
    at = {}
    for no, line in enumerate(text, 1):
        m = re.fullmatch(r"#+ CHAPTER (\d+)\s*", line)
        if m:
            at[int(m.group(1))] = no
    return at


def blocks(text):
    """All blocks, with the chapter and the mode that the headings above say."""
    starts = sorted((no, ch) for ch, no in chapter_lines(text).items())
    out, inside, mode, chapter, prose, opened = [], None, "", 0, True, False
    for no, line in enumerate(text, 1):
        bare = line.strip().strip("#*- ").strip()
        for at, ch in starts:
            if at == no:
                chapter, mode, prose = ch, "", True
        if line.startswith("```"):
            if inside is None:
                inside = Block(no + 1, [], chapter, mode)
                inside.joins = not prose
                if opened:
                    inside.lines.append((no, "configure"))
            else:
                out.append(inside)
                inside, prose, opened = None, False, False
        elif inside is not None:
            inside.lines.append((no, line.rstrip("\n")))
        elif line.startswith("#") and re.search(r"Configuration (Mode|Commands)", bare):
            mode = "config" if "Global" in bare else "context"
            prose = True
        elif line.startswith("#") and re.search(r"Exec Mode|show .*[Cc]ommands?|show and clear", bare):
            mode, prose = "exec", True
        elif bare in START and line.strip() != bare:
            opened, prose = True, True
        elif bare:
            prose = True
    return out


def first_words(block):
    for _, line in block.lines:
        if line.strip():
            return line.split()
    return [""]


def classify(found):
    """Says of each block what it is: what an operator types, or what the chassis prints."""
    openex, after = False, ""
    for b in found:
        words = first_words(b)
        last = [line.strip() for _, line in b.lines if line.strip()][-1:]
        if words[0] in START or (openex and b.joins):
            b.kind = "example"
            openex = last not in (["end"],)
        elif after.startswith("show configuration"):
            b.kind, b.mode, openex = "example", "context", False
        elif words[0] in EXEC_VERBS and b.mode in ("", "exec"):
            b.kind, b.mode, openex = "command", "exec", False
        elif words[0] == "show":
            b.kind, b.mode, openex = "command", "exec", False
        elif b.mode in ("config", "context") or b.chapter == 1:
            b.kind, openex = "command", False
            b.mode = b.mode or "config"
        elif words[0] == "certificate":
            b.kind, b.mode = "command", "config"
        else:
            b.kind, openex = "output", False
        after = " ".join(words)
    return found


def examples(text):
    """Blocks put together: what a page break parted, and commands of one mode that follow each other."""
    out = []
    for b in classify(blocks(text)):
        if b.kind == "output":
            continue
        mode = b.mode or "config"
        last = out[-1] if out else None
        if b.kind == "example" and b.joins and last and last.kind == "example":
            last.lines += b.lines
        elif b.kind == "command" and last and last.kind == "command" and mode != "exec":
            if (last.mode, last.chapter) == (mode, b.chapter):
                last.lines += b.lines
            else:
                out.append(Example(b.chapter, mode, b.kind, list(b.lines)))
        else:
            if first_words(b)[0] in START:
                mode = "config"
            out.append(Example(b.chapter, mode, b.kind, list(b.lines)))
    notes(text, out)
    return out


def plain(text):
    """Without the marks of bold, italics and code, and without escapes."""
    return re.sub(r"[*`]", "", text).replace("\\_", "_").strip()


def notes(text, found):
    """The `no` and `default` forms that notes name belong to the example before them."""
    for e, following in zip(found, found[1:] + [None]):
        begin = e.lines[-1][0]
        end = following.lines[0][0] if following else len(text)
        for no in range(begin, end - 1):
            for bold in re.findall(r"\*\*((?:no|default) [^*]+)\*\*(?: \*([^*]+)\*)?", text[no]):
                if e.kind != "output":
                    e.extra.append((no + 1, plain(" ".join(bold))))


# --- syntax notation


def tokens(line):
    """Words, brackets and bars. "quoted text" and <a name> are one word each."""
    return re.findall(r'"[^"]*"|[^\s<{}\[\]|]*<[^>]*>|[{}\[\]|]|[^\s{}\[\]|]+', line)


def depth(line):
    """Brackets that are still open at the end."""
    n = 0
    for t in tokens(line):
        n += (t in "{[") - (t in "}]")
    return n


def statements(lines):
    """Joins what the width of the page parted: open brackets, and lines that begin inside of them."""
    out = []
    for no, line in lines:
        line = line.strip()
        if not line or line.strip(".") == "":
            continue
        if out and (depth(out[-1][1]) > 0 or line[0] in "|}]"):
            out[-1] = (out[-1][0], out[-1][1] + " " + line)
        else:
            out.append((no, line))
    return out


def parse(toks, i=0, closer=None):
    """toks[i:] up to closer as a list of branches, each a list of words and of (kind, branches)."""
    branches, seq = [], []
    while i < len(toks) and toks[i] != closer:
        t = toks[i]
        if t in ("{", "["):
            sub, i = parse(toks, i + 1, "}" if t == "{" else "]")
            seq.append((t, sub))
        elif t == "|":
            branches.append(seq)
            seq = []
        elif t in ("}", "]"):
            raise ValueError("a closing bracket too much")
        else:
            seq.append(t)
        i += 1
    if closer and i >= len(toks):
        raise ValueError("a bracket is not closed")
    return branches + [seq], i


class Option(str):
    """A word that is an option by itself: said once at most."""


def words_of(item):
    """All ways to say one item of a sequence."""
    if isinstance(item, str):
        return [[item]]
    kind, branches = item
    ways = [w for b in branches for w in sequence(b)]
    if kind == "[":
        ways = [[Option(w[0])] if len(w) == 1 else w for w in ways]
    return ([[]] if kind == "[" else []) + ways


def sequence(seq):
    """
    All ways to say a sequence. When that is very many: each item in each of its ways while the others are in their
    first, and all options left out, and all taken.
    """
    each = [words_of(item) for item in seq]
    total = 1
    for ways in each:
        total *= len(ways)
    picks = []
    if total <= 64:
        picks = [[]]
        for ways in each:
            picks = [p + [w] for p in picks for w in ways]
    else:
        base = [ways[0] for ways in each]
        full = [ways[-1] for ways in each]
        picks = [base, full]
        for i, ways in enumerate(each):
            for w in ways[1:]:
                picks.append(base[:i] + [w] + base[i + 1 :])
                picks.append(full[:i] + [w] + full[i + 1 :])
    out = []
    for p in picks:
        line = [word for part in p for word in part]
        twice = any(isinstance(w, Option) and line.count(w) > 1 for w in line)
        if line not in out and not twice:
            out.append(line)
    return out


def expand(statement):
    """Every line that a statement in syntax notation stands for, as lists of words."""
    toks = tokens(statement)
    # outside of brackets a bar is a pipe of the CLI
    cut, n = len(toks), 0
    for i, t in enumerate(toks):
        n += (t in "{[") - (t in "}]")
        if t == "|" and n == 0:
            cut = i
            break
    branches, _ = parse(toks[:cut])
    pipe = toks[cut:]
    return [way + pipe for way in sequence(branches[0])]


def parameters(text, heading):
    """(line number, words) that a list under this heading says are commands of a mode."""
    out, inside = [], False
    for no, line in enumerate(text, 1):
        if line.startswith("#") and plain(line.strip("# ")).lower() != "notes:":
            inside = re.search(heading, line) is not None and no > 600
        m = re.match(r"\s*- (\*\*.+?) – ", line) or re.fullmatch(r"\s+- ([a-z][a-z0-9-]+)", line)
        if inside and m:
            out.append((no, plain(m.group(1))))
    return out
