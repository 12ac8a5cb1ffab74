#!/usr/bin/env python3
"""A session over OpenSSH's ssh as public automation drives it: prompt patterns, terminal settings, configuration lines,
error matching, paging. usage: ssh_session.py {clients|mio} CHASSIS USER SSH-ARGUMENT...   (password in $SSHPW)"""
import os
import re
import sys
import time

import pexpect

# Unicon's and NSO's patterns: the prompt is the last thing there is, with exactly one blank behind it
EXEC = r'(?:\A|[\r\n])\[([^\]\s]+)\]%s[#>] $'
CONFIG = r'(?:\A|[\r\n])\[([^\]\s]+)\]%s\(([^)\s]+)\)[#>] $'
FAILURE = re.compile(r'^Failure:', re.M)
DATE = re.compile(r'^[A-Z][a-z]+day [A-Z][a-z]+ \d+ \d\d:\d\d:\d\d \w+ \d{4}$')


class Session:
    def __init__(self, host, args):
        self.any_prompt = '(?:%s|%s)' % (EXEC % host, CONFIG % host)
        self.c = pexpect.spawn('ssh', args, encoding='utf-8', timeout=15, echo=False, dimensions=(24, 80))
        self.c.expect('[Pp]assword: ')
        self.c.sendline(os.environ['SSHPW'])
        self.c.expect(self.any_prompt)

    def cmd(self, line):
        """Send a line; what came between its echo and the next prompt."""
        self.c.sendline(line)
        self.c.expect_exact(line + '\r\n')
        self.c.expect(self.any_prompt)
        return self.c.before.replace('\r\n', '\n').lstrip('\n')

    def prompt(self):
        return self.c.after.strip('\r\n')


def check(what, good, got=''):
    if not good:
        print('FAILED: %s: %r' % (what, got))
        sys.exit(1)


def clients(host, user, args):
    s = Session(host, args)
    check('exec prompt', s.prompt() == '[local]%s# ' % host, s.prompt())
    for line in ('terminal length 0', 'terminal width 512'):
        out = s.cmd(line)
        check(line, not re.sub(DATE, '', out.strip()), out)
    out = s.cmd('show version')
    check('date before output', DATE.match(out.split('\n')[0]), out)
    s.cmd('no timestamps')
    out = s.cmd('show version')
    check('no date', not DATE.match(out.split('\n')[0]), out)
    check('version', re.search(r'^ *Image Version: +(\S+)$', out, re.M), out)
    check('no escape sequences', '\x1b' not in out and '\b' not in out, out)

    check('configure', s.cmd('conf') == '', s.c.before)
    check('config prompt', s.prompt() == '[local]%s(config)# ' % host, s.prompt())
    check('success prints nothing', s.cmd('context local') == '', s.c.before)
    check('context prompt', s.prompt() == '[local]%s(config-ctx)# ' % host, s.prompt())
    for line in ('interface probe', 'ip address 192.0.2.1 255.255.255.0', 'exit'):
        out = s.cmd(line)
        check('success prints nothing', out == '', out)
    out = s.cmd('ip route 1.2.3.4 255.0.255.0 next-hop 9.9.9.9')
    check('a wrong line is a failure', FAILURE.search(out), out)
    out = s.cmd('gibberish')
    check('unknown command', 'Unknown command - "gibberish", unrecognized keyword' in out, out)
    check('no interface', s.cmd('no interface probe') == '', s.c.before)
    s.cmd('end')
    check('end leads to exec', s.prompt() == '[local]%s# ' % host, s.prompt())
    out = s.cmd('save configuration /flash/ssh.cfg -noconfirm')
    check('save', not FAILURE.search(out), out)
    out = s.cmd('show configuration | grep -i -E "hostname|context"')
    check('pipes', 'context local' in out, out)
    out = s.cmd('show configuration')
    check('no password in clear text', os.environ['SSHPW'] not in out, out)
    check('password hashed', re.search(r'administrator %s encrypted password \+B' % user, out), out)

    s.cmd('terminal length 10')
    s.c.sendline('show configuration')
    pages = 0
    while s.c.expect([r'---\(more[^)]*\)---', s.any_prompt]) == 0:
        pages += 1
        check('the pager ends', pages < 100)
        s.c.send(' ')
    check('pager', pages > 0)
    s.cmd('terminal length 0')
    # a key typed while a long line is pasted: what is echoed is what was typed
    s.c.setwinsize(40, 132)
    out = s.cmd('show clock')
    check('after a change of the window', not FAILURE.search(out), out)
    s.c.sendline('exit')
    s.c.expect(pexpect.EOF)
    s.c.close()
    check('exit status', s.c.exitstatus == 0, s.c.exitstatus)


def mio(host, user, args):
    """Stay logged in until the connection goes; say so by a line when ready."""
    s = Session(host, args)
    print('ready', flush=True)
    started = time.monotonic()
    s.c.expect(pexpect.EOF, timeout=20)
    print('ended after %.1f s' % (time.monotonic() - started))


{'clients': clients, 'mio': mio}[sys.argv[1]](sys.argv[2], sys.argv[3], sys.argv[4:])
