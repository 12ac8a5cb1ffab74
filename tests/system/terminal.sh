#!/bin/sh
# A session on a real terminal: editing, ? and TAB, Ctrl-C, Ctrl-Z, questions, the pager, a window that changes, history.
. "$(dirname "$0")/../lib.sh"
up t1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$HERE/.. python3 - "$ORRERY" <<'END' || exit 1
import sys
from term import Terminal, fail

t = Terminal([sys.argv[1], "cli", "--name", "t1"], rows=24, columns=100)
P = r"\[local\]orrery# $"
t.expect(P)
t.line("no timestamps")
t.expect(P)

# Ctrl-C forgets a half-typed line, Ctrl-Z leaves configuration mode without carrying it out
t.send("show vers\x03")
t.expect(r"\^C\s+" + P)
t.line("show clock")
if "Unknown" in t.expect(P):
    fail("the line before Ctrl-C was not forgotten")
t.line("configure")
t.expect(r"\(config\)# $")
t.line("context blue")
t.expect(r"Are you sure\? \[Yes\|No\]: $")
t.line("perhaps")
t.expect(r"Are you sure\? \[Yes\|No\]: $")
t.line("yes")
t.expect(r"\[blue\]orrery\(config-ctx\)# $")
t.send("interface nowhere\x1a")
t.expect(r"\^Z\s+" + P)
t.line("show configuration | grep nowhere")
if "nowhere" in t.expect(P).split("\n", 1)[1]:
    fail("Ctrl-Z carried out a half-typed line")
t.line("configure")
t.expect(r"\(config\)# $")
t.line("context red")
t.expect(r"\[Yes\|No\]: $")
t.send("\x03")
t.expect(r"\(config\)# $")
t.line("end")
t.expect(P)
t.line("show configuration | grep context")
if "red" in t.expect(P):
    fail("a question that was left made the context")

# ? and TAB, for words and for what exists; a ? inside quotes is a character
t.send("show card ?")
t.expect(r"diag +- Diagnostics\n")
t.expect(r"\[local\]orrery# show card $")
t.send("tab\t")
t.expect(r"le $")
t.send("\r")
t.expect(P)
t.send("context ?")
t.expect(r"blue +- a present <name>\n")
t.send("bl\t")
t.expect(r"blue $")
t.send("\r")
t.expect(r"\[blue\]orrery# $")
t.line("context local")
t.expect(P)
t.line('show version | grep "?"')
t.expect(P)
t.send("sho vers\t")
t.expect(r"version $")
t.send("\x15")  # Ctrl-U
t.line("sh clo")
t.expect(P)

# up: the line before
t.send("\x10\r")
t.expect("sh clo")
t.expect(P)

# the pager: space, Enter, q, Ctrl-C; none with length 0
t.line("terminal length 10")
t.expect(P)
t.line("show bulkstats variables | more")
page = t.expect(r"---\(more\)---$")
if page.count("\n") not in (9, 10):
    fail(f"a page of {page.count(chr(10))} lines: {page}")
t.send(" ")
t.expect(r"---\(more\)---$")
t.send("\r")
if t.expect(r"---\(more\)---$").count("\n") != 1:
    fail("Enter is for one line")
t.send("q")
t.expect(P)
t.line("show bulkstats variables")
t.expect(r"---\(more\)---$")
t.send("\x03")
t.expect(r"\n" + P)
t.line("terminal length 0")
t.expect(P)
t.line("show bulkstats variables")
if "more" in t.expect(P):
    fail("a pager although the length is 0")

# a secret is not in the history
t.line("configure")
t.expect(r"\(config\)# $")
t.line("tech-support test-commands password hush-hush")
t.expect(r"\(config\)# $")
t.line("end")
t.expect(P)
t.line("show history")
history = t.expect(P)
if "hush-hush" in history or "tech-support test-commands password ****" not in history:
    fail("show history: " + history)

# Ctrl-C while a command runs ends that, not the session
t.line("ping 127.0.0.1 count 1000")
t.expect("icmp_seq=1 ")
t.send("\x03")
t.expect("packets transmitted")
t.expect(P)

# the window's new size counts
t.line("terminal length 12")
t.expect(P)
t.resize(40, 60)
t.line("show bulkstats variables")
page = t.expect(r"---\(more\)---$")
if page.count("\n") > 13:
    fail(f"the length the operator set was forgotten: {page}")
t.send("q")
t.expect(P)

# what the configuration says of new sessions
t.line("configure")
t.expect(r"\(config\)# $")
for line in ("banner motd \"Only for astronomers\"", "no timestamps", "autoconfirm"):
    t.line(line)
    t.expect(r"\(config\)# $")
t.line("end")
t.expect(P)
u = Terminal([sys.argv[1], "cli", "--name", "t1"])
u.expect("Only for astronomers\n")
u.expect(P)
u.line("show clock")
if u.expect(P).count("UTC") != 1:
    fail("show clock without timestamps prints one date")
u.line("configure")
u.expect(r"\(config\)# $")
u.line("context unasked")
if "Are you sure" in u.expect(r"\(config-ctx\)# $"):
    fail("autoconfirm of the configuration does not act")
u.send("\x1a")
u.expect(P)
u.line("exit")
if u.gone() != 0:
    fail("exit must end the session in good order")

# a line that is too long is refused, and the session goes on
t.line("x" * 3000)
t.expect(r'Unknown command - "x+\.\.\."')
t.expect(P)
t.send("\x04")
if t.gone() != 0:
    fail("Ctrl-D must end the session in good order")
END
