# Orrery's one Makefile.
#   make deps    install the Debian packages of packaging/packages.txt that are missing
#   make all     build everything into build/
#   make demo    boot two chassis, set up tunnels, break everything, prove nothing was lost
#   make test    every test; make chaos, make bench, make fuzz, make lint, make install, make clean as named
#
# Layout rules the build derives from (nothing is listed twice):
#   proto/*.proto             -> build/proto/*.pb-c.[ch]
#   lib/*/*.c, cli/engine/*.c, bulkstats/*.c, snmp/*.c, drill/*.c -> build/liborrery.a
#   tasks/NAME/*.c            -> build/libexec/orrery/NAME          (one facility, one executable)
#   chassis/*.c cards/*.c     -> build/libexec/orrery/orreryd, orrery-card
#   cmd/*.c                   -> build/bin/orrery                   (the product's own command)
#   tests/{unit,table,exchange}/test_*.c -> build/asan/tests/*      (Criterion, ASan + UBSan; so tests/reference/*.c)
#   tests/fuzz/fuzz_*.c       -> build/fuzz/*                       (libFuzzer)
#   tests/bench/bench_*.c     -> build/bench/*

MAKEFLAGS += --no-builtin-rules
# One short line per file on a terminal, nothing in a pipe, the whole commands with V=1.
V ?= 0
ifeq ($(V),1)
Q :=
say =
else
Q := @
say = @[ ! -t 1 ] || printf '  %-6s %s\n' $(1) '$(2)'
endif
.SUFFIXES:
.DELETE_ON_ERROR:

VERSION   := 21.24.0
PREFIX    ?= /usr/local
BUILD     := build
CC        := gcc
PKGS      := libzmq libprotobuf-c libssl libcrypto sqlite3 libuv libedit jansson
LIBEXEC   := $(BUILD)/libexec/orrery
COMMIT    := $(shell git rev-parse HEAD 2>/dev/null || echo 0000000000000000000000000000000000000000)
COMMIT_DATE := $(shell TZ=UTC git log -1 --date=format-local:'%a %b %e %H:%M:%S UTC %Y' --format=%cd 2>/dev/null || echo unknown)

# pkg-config and net-snmp-config are asked lazily: `make deps` must work before they exist.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   = $(shell pkg-config --libs $(PKGS) 2>/dev/null)
WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unused-parameter
WERROR    ?= -Werror
CPPFLAGS  += -D_GNU_SOURCE -I. -Ilib -I$(BUILD) -DORRERY_VERSION='"$(VERSION)"'
CFLAGS    ?= -O2 -g
CFLAGS    += -std=gnu11 -pthread -fno-strict-aliasing -fstack-protector-strong $(WARN) $(WERROR)
LDLIBS     = $(PKG_LIBS) -lpthread -lm
SNMP_LIBS  = $(shell net-snmp-config --netsnmp-libs 2>/dev/null)
SSH_LIBS   = $(shell pkg-config --libs libssh 2>/dev/null)
CURL_LIBS  = $(shell pkg-config --libs libcurl 2>/dev/null)
ASAN      := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1

PROTOS    := $(wildcard proto/*.proto)
PROTO_C   := $(PROTOS:proto/%.proto=$(BUILD)/proto/%.pb-c.c)
PROTO_H   := $(PROTO_C:.c=.h)
LIB_C     := $(wildcard lib/*/*.c cli/engine/*.c bulkstats/*.c snmp/*.c drill/*.c)
TASKS     := $(sort $(patsubst tasks/%/,%,$(filter %/,$(wildcard tasks/*/))))
CMD_C     := $(wildcard cmd/*.c)
TESTS_C   := $(wildcard tests/unit/test_*.c tests/table/test_*.c tests/exchange/test_*.c tests/reference/*.c)
FUZZ_C    := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_C   := $(wildcard tests/bench/bench_*.c)

obj        = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2:$(BUILD)/%=%))
LIB_O     := $(call obj,obj,$(LIB_C)) $(PROTO_C:%.c=%.o)
LIB_ASAN  := $(call obj,asan,$(LIB_C)) $(PROTO_C:$(BUILD)/%.c=$(BUILD)/asan/%.o)
LIB_FUZZ  := $(call obj,fuzzobj,$(LIB_C)) $(PROTO_C:$(BUILD)/%.c=$(BUILD)/fuzzobj/%.o)

TASK_BIN  := $(TASKS:%=$(LIBEXEC)/%)
BINS      := $(TASK_BIN) $(LIBEXEC)/orreryd $(LIBEXEC)/orrery-card $(BUILD)/bin/orrery
TEST_BIN  := $(TESTS_C:tests/%.c=$(BUILD)/asan/tests/%)
REPLAY_BIN := $(FUZZ_C:tests/%.c=$(BUILD)/asan/tests/%)
FUZZ_BIN  := $(FUZZ_C:tests/fuzz/%.c=$(BUILD)/fuzz/%)
BENCH_BIN := $(BENCH_C:tests/bench/%.c=$(BUILD)/bench/%)

# Nothing that was made on the way is deleted: what depends on it would be made again.
.SECONDARY:
.PHONY: all chaos deps demo test check unit interop bench fuzz lint format docs install clean ready
all: ready
	@$(MAKE) --no-print-directory -j$$(nproc) build
.PHONY: build
build: $(BINS)

# --- packages ---------------------------------------------------------------------------------------------
deps:
	@packaging/install-deps packaging/packages.txt

# Targets people call go through `ready`, so that a fresh machine needs no other command first.
ready: deps

# --- messages ---------------------------------------------------------------------------------------------
$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h &: proto/%.proto
	@mkdir -p $(@D)
	$(call say,PROTO,$<)
	$(Q)protoc-c --c_out=$(BUILD) $<

# --- compile ----------------------------------------------------------------------------------------------
DEPFLAGS = -MMD -MP
$(BUILD)/obj/%.o: %.c | $(PROTO_H)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(DEPFLAGS) -c $< -o $@
$(BUILD)/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -w -c $< -o $@
$(BUILD)/asan/proto/%.o: $(BUILD)/proto/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(ASAN) -w -c $< -o $@
$(BUILD)/asan/%.o: %.c | $(PROTO_H)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(ASAN) $(DEPFLAGS) -c $< -o $@
$(BUILD)/fuzzobj/proto/%.o: $(BUILD)/proto/%.c
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)clang $(CPPFLAGS) $(PKG_CFLAGS) -std=gnu11 -g -O1 -w -fsanitize=fuzzer-no-link,address,undefined -c $< -o $@
$(BUILD)/fuzzobj/%.o: %.c | $(PROTO_H)
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)clang $(CPPFLAGS) $(PKG_CFLAGS) -std=gnu11 -g -O2 -w -fsanitize=fuzzer-no-link,address,undefined $(FUZZ_COV) $(DEPFLAGS) -c $< -o $@
# Their comparisons are of lengths and states, which teach the fuzzer nothing, and take a fifth of its time.
$(BUILD)/fuzzobj/lib/base/%.o $(BUILD)/fuzzobj/lib/ike/%.o: FUZZ_COV = -fno-sanitize-coverage=trace-cmp

# The commit and its date printed by `show version` reach one object only, which is made anew when they change.
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT) $(COMMIT_DATE)' | cmp -s - $@ || echo '$(COMMIT) $(COMMIT_DATE)' >$@
$(BUILD)/obj/lib/base/version.o $(BUILD)/asan/lib/base/version.o: $(BUILD)/commit
$(BUILD)/obj/lib/base/version.o $(BUILD)/asan/lib/base/version.o: CPPFLAGS += -DORRERY_COMMIT='"$(COMMIT)"' -DORRERY_BUILD_DATE='"$(COMMIT_DATE)"'
.PHONY: FORCE
FORCE:

$(BUILD)/liborrery.a: $(LIB_O)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^
$(BUILD)/asan/liborrery.a: $(LIB_ASAN)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^
$(BUILD)/fuzzobj/liborrery.a: $(LIB_FUZZ)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

# --- programs ---------------------------------------------------------------------------------------------
# $(1) executable, $(2) sources; -rdynamic gives the call trace of a crash its names
define program
$(1): $(call obj,obj,$(2)) $(BUILD)/liborrery.a
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS) -rdynamic $$(LDFLAGS) $$^ -o $$@ $$(EXTRA_LIBS) $$(LDLIBS)
endef
$(foreach t,$(TASKS),$(eval $(call program,$(LIBEXEC)/$(t),$(wildcard tasks/$(t)/*.c))))
$(eval $(call program,$(LIBEXEC)/orreryd,$(wildcard chassis/*.c)))
$(eval $(call program,$(LIBEXEC)/orrery-card,$(wildcard cards/*.c)))
$(eval $(call program,$(BUILD)/bin/orrery,$(CMD_C)))
$(LIBEXEC)/snmp: EXTRA_LIBS = $(SNMP_LIBS)
$(LIBEXEC)/bulkstat: EXTRA_LIBS = $(CURL_LIBS)
$(LIBEXEC)/sshd: EXTRA_LIBS = $(SSH_LIBS)

$(BUILD)/asan/tests/%: $(BUILD)/asan/tests/%.o $(BUILD)/asan/liborrery.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(ASAN) $(LDFLAGS) $^ -o $@ -lcriterion $(LDLIBS)
# a fuzz target over its kept inputs only, without the fuzzing engine
$(BUILD)/asan/tests/fuzz/%: $(BUILD)/asan/tests/fuzz/%.o $(BUILD)/asan/tests/fuzz/replay.o $(BUILD)/asan/liborrery.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(ASAN) $(LDFLAGS) $^ -o $@ $(LDLIBS)
$(BUILD)/fuzz/%: $(BUILD)/fuzzobj/tests/fuzz/%.o $(BUILD)/fuzzobj/liborrery.a
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)clang -g -fsanitize=fuzzer,address,undefined $^ -o $@ $(LDLIBS)
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/liborrery.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# --- tests ------------------------------------------------------------------------------------------------
.PHONY: build-tests build-bench build-fuzz
# what make bench and make fuzz need is built here as well, so that it does not rot
build-tests: $(TEST_BIN) $(REPLAY_BIN) $(BENCH_BIN)
build-bench: $(BENCH_BIN)
build-fuzz: $(FUZZ_BIN)

test: all
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@tests/run

unit:
	@$(MAKE) --no-print-directory -j$$(nproc) build-tests
	@tests/run unit table exchange

# strongSwan against a chassis; the tables of what was proven are a document
interop: all
	@tests/interop/algorithms.sh --table docs/reference/interop.md
	@rm -rf $(BUILD)/interop && mkdir -p $(BUILD)/interop
	@ORRERY_RESULTS=$(abspath $(BUILD)/interop) tests/run interop; status=$$?; \
		tests/interop/matrix/features.py $(BUILD)/interop docs/reference/interop.md && exit $$status

# random faults over 500 tunnels, and whether the peers and the chassis agree; ORRERY_SEED=N repeats one seed
SEEDS ?= 20
chaos: all
	@tests/chaos/run $(SEEDS)

demo: all
	@labs/demo/run

bench: ready
	@$(MAKE) --no-print-directory -s -j$$(nproc) build build-bench >&2
	@tests/bench/run

FUZZ_SECONDS ?= 20
fuzz: ready
	@$(MAKE) --no-print-directory -j$$(nproc) build-fuzz
	@tests/fuzz/run $(FUZZ_SECONDS)

lint: ready
	@tests/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

docs: all
	@docs/generate

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/orrery $(DESTDIR)$(PREFIX)/share/orrery
	install $(BUILD)/bin/orrery $(DESTDIR)$(PREFIX)/bin/
	install $(LIBEXEC)/* $(DESTDIR)$(PREFIX)/libexec/orrery/
	cp -r cli/grammar chassis/profiles labs $(DESTDIR)$(PREFIX)/share/orrery/

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
