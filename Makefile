# make            token.fcgi, tokenctl, token-sync   make run        a demo behind lighttpd on 127.0.0.1:8080
# make check      all tests, counted                 make lint       format, static analysis, direction of includes
# make install    PREFIX, DESTDIR, sysconfdir        make check-slow the tests again under sanitizers and valgrind
# make deb        a Debian package, in build/package/
# make fuzz       each parser of foreign bytes for FUZZ_SECONDS (60), or the one that FUZZ names
# make bench      how fast it is, beside what; SECTIONS="floor flood": some of it, BENCH_SECONDS (3): a measurement;
#                 OLD=COMMIT: also beside the program of that commit
# make coverage   the lines of src/ that the tests run, and those that they do not
# make deps       installs what make, make run and make check need; these two call it themselves
# make compile_commands.json    for clangd
#
# SANITIZE=address,undefined or SANITIZE=thread builds into a folder of its own under build/.

PREFIX     ?= /usr/local
prefix     ?= $(PREFIX)
exec_prefix ?= $(prefix)
bindir     ?= $(exec_prefix)/bin
libexecdir ?= $(exec_prefix)/libexec
sysconfdir ?= $(prefix)/etc
datarootdir ?= $(prefix)/share
mandir     ?= $(datarootdir)/man
docdir     ?= $(datarootdir)/doc/token.fcgi
# Where systemd and bash look for what a prefix has. logrotate and fail2ban look into /etc only.
systemdunitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
completiondir ?= $(datarootdir)/bash-completion/completions
etcdir     := $(if $(filter /usr /usr/local,$(prefix)),/etc,$(sysconfdir))
logrotatedir ?= $(etcdir)/logrotate.d
fail2bandir ?= $(etcdir)/fail2ban
INSTALL    ?= install

ifeq ($(origin CC),default)
CC := gcc
endif
comma    := ,
SANITIZE ?=
BUILD    ?= build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))
FCGI     ?= $(if $(SANITIZE),$(BUILD)/token.fcgi,cgi-bin/token.fcgi)
TOKENCTL ?= $(BUILD)/tokenctl
TOKENSYNC ?= $(BUILD)/token-sync

PKG_CONFIG ?= $(or $(shell command -v pkg-config),false)
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
# Only x86_64 has this.
CONTROL_FLOW := $(if $(findstring x86_64,$(shell $(CC) -dumpmachine 2>/dev/null)),-fcf-protection)
HARDENING := -fstack-protector-strong -fstack-clash-protection $(CONTROL_FLOW) $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
CFLAGS   ?= -O2 -g
HIREDIS_SSL := $(shell $(PKG_CONFIG) --silence-errors --libs hiredis_ssl libssl libcrypto)
# On 32-bit processors, too, files are large and times go beyond 2038.
ALL_CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -Isrc -DSYSCONFDIR='"$(sysconfdir)"' -MMD -MP \
                $(if $(HIREDIS_SSL),-DHAVE_HIREDIS_SSL) $(CPPFLAGS)
# Debug information names no folder, so that a build is the same in each.
PREFIX_MAP := -fdebug-prefix-map=$(CURDIR)=.
ALL_CFLAGS := -std=c17 -pthread $(WARNINGS) $(HARDENING) $(PREFIX_MAP) -fPIE $(CFLAGS) \
              $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_LDFLAGS := -pthread -pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now -Wl$(comma)--as-needed $(LDFLAGS) \
               $(if $(SANITIZE),-fsanitize=$(SANITIZE))
# Ask pkg-config where a library is; without pkg-config the linker searches its own folders.
library = $(or $(shell $(PKG_CONFIG) --silence-errors --libs $1),-l$2)
# A CGI process loads its shared libraries with each request. Linking the small ones statically saves a tenth of its time.
# A library without an archive is linked shared; make STATIC= links all of them shared.
STATIC   ?= seccomp lmdb inih
has_archive = $(and $(filter $1,$(STATIC)),$(findstring /,$(shell $(CC) -print-file-name=lib$1.a 2>/dev/null)))
small_library = $(if $(call has_archive,$2),-Wl$(comma)-Bstatic -l$2 -Wl$(comma)-Bdynamic,$(call library,$1,$2))
LIBS     := $(call small_library,libseccomp,seccomp) $(call small_library,lmdb,lmdb) $(call small_library,inih,inih) \
            $(call library,json-c,json-c) $(call library,libcrypt,crypt) $(call library,nettle,nettle)
FCGI_LIB := $(call library,fcgi,fcgi)
# hiredis has TLS from release 1.0 on, in a library of its own.
HIREDIS_LIBS := $(HIREDIS_SSL) $(call library,hiredis,hiredis)

# All modules are in one archive, so that each program links only what it uses.
MODULES  := doctor server endpoint oauth http service account password sync throttle token database metrics process config base
MODULE_OBJ := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard $(MODULES:%=src/%/*.c))) $(BUILD)/obj/process/libc/libfcgi_io.o
SYNC_OBJ := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/token-sync/*.c))
CTL_OBJ  := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/tokenctl/*.c))
ARCHIVE  := $(BUILD)/libtoken.a
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
# A sanitizer of memory or threads has a free() and an mmap() of its own.
ifneq ($(filter address thread,$(subst $(comma), ,$(SANITIZE))),)
UNIT := $(filter-out %/test_huge_mmap %/test_fastcgi,$(UNIT))
else
LIBC_HEAP := $(BUILD)/obj/process/libc/heap.o
HUGE_MMAP := $(BUILD)/obj/process/libc/huge_mmap.o
endif

# A fuzz target is built twice: with libFuzzer, and with a main() that runs it on its corpus.
TARGETS  := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY   := $(TARGETS:%=$(BUILD)/replay/%)
FUZZERS  := $(TARGETS:%=$(BUILD)/fuzzer/%)
FUZZ_OBJ := $(patsubst tests/fuzz/%.c,$(BUILD)/obj/fuzz/%.o,$(wildcard tests/fuzz/*.c))
FUZZ_COMMON := $(filter-out $(BUILD)/obj/fuzz/fuzz_% $(BUILD)/obj/fuzz/replay.o,$(FUZZ_OBJ))

# V=1 shows the commands.
Q   := $(if $(V),,@)
SAY := $(if $(V),@:,@printf '%-4s %s\n')

.PHONY: all
all: $(FCGI) $(TOKENCTL) $(TOKENSYNC)

FCGI_OBJ := $(BUILD)/obj/main.o $(LIBC_HEAP) $(HUGE_MMAP)
$(FCGI): $(FCGI_OBJ) $(ARCHIVE)
	$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(FCGI_LIB) $(LIBS)

$(TOKENCTL): $(CTL_OBJ) $(HUGE_MMAP) $(ARCHIVE)
	$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call library,libbsd,bsd) $(HIREDIS_LIBS) $(LIBS)

$(TOKENSYNC): $(SYNC_OBJ) $(ARCHIVE)
	$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(HIREDIS_LIBS) $(LIBS)

$(ARCHIVE): $(MODULE_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# The stamp changes with the compiler and its flags, so that an object is never of another build. -Werror changes none, and
# neither does the folder.
FLAGS := $(filter-out -Werror $(PREFIX_MAP),$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS))
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS))' > $@

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(SAY) TEST $@
	$(Q)$(CC) $(ALL_CPPFLAGS) -Itests/unit $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(filter %.o,$^) $(ARCHIVE) -lcmocka $(FCGI_LIB) $(LIBS)

$(BUILD)/unit/test_huge_mmap: $(HUGE_MMAP)
$(BUILD)/unit/test_fastcgi: $(LIBC_HEAP)

.SECONDARY: $(FUZZ_OBJ)
$(BUILD)/obj/fuzz/%.o: tests/fuzz/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/replay/%: $(BUILD)/obj/fuzz/fuzz_%.o $(BUILD)/obj/fuzz/replay.o $(FUZZ_COMMON) $(ARCHIVE)
	@mkdir -p $(@D)
	$(SAY) TEST $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(FCGI_LIB) $(LIBS)

$(BUILD)/fuzzer/%: $(BUILD)/obj/fuzz/fuzz_%.o $(FUZZ_COMMON) $(ARCHIVE)
	@mkdir -p $(@D)
	$(SAY) FUZZ $@
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(FCGI_LIB) $(LIBS)

.PHONY: unit-programs replay-programs fuzzers unit
unit-programs: $(UNIT)
replay-programs: $(REPLAY)
fuzzers: $(FUZZERS)
unit: $(UNIT) $(REPLAY)
	@tests/tools/check.sh $(BUILD)/check $(UNIT) $(REPLAY) --

# make deps installs what the machine lacks, and says what that is. tests/tools/packages is the list; SETS are sets of it.
NEED  := tests/tools/need.sh
SETS ?= build run check
.PHONY: deps
deps:
	@$(NEED) $(SETS)

JOBS   = --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
TESTS ?= $(wildcard tests/integration/*.bats)

PORT = 8080
.PHONY: run
run:
	@$(MAKE) --no-print-directory deps SETS="build run"
	@$(MAKE) $(JOBS) all
	@tests/tools/run.sh $(FCGI) $(TOKENCTL) $(PORT)

.PHONY: check
check:
	@$(MAKE) --no-print-directory deps SETS="build run check"
	@$(MAKE) $(JOBS) WERROR=-Werror all unit-programs replay-programs
	@FCGI=$(abspath $(FCGI)) TOKENCTL=$(abspath $(TOKENCTL)) \
	    tests/tools/check.sh $(BUILD)/check $(UNIT) $(REPLAY) -- $(TESTS)

# Each of these makes its own builds and counts its own results.
.PHONY: check-slow
check-slow:
	@$(MAKE) --no-print-directory deps SETS="build run check slow"
	@tests/tools/check-slow.sh

FUZZ_SECONDS = 60
FUZZ = $(TARGETS)
.PHONY: fuzz
fuzz:
	@$(MAKE) --no-print-directory deps SETS="build fuzz"
	@$(MAKE) $(JOBS) CC=clang SANITIZE=fuzzer-no-link,address,undefined BUILD=build/fuzz fuzzers
	@tests/tools/fuzz.sh build/fuzz $(FUZZ_SECONDS) $(FUZZ)

# What the program is measured against, and with. constant_gateway is the program but for its route_request(): an object
# that is named comes before the archive.
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/bin/%,$(filter-out %/fcgi_request.c,$(wildcard tests/bench/*.c)))
$(addprefix $(BUILD)/bench/bin/,fcgi_load first_answer slow_peers process_times): $(BUILD)/bench/bin/fcgi_request.o
$(BUILD)/bench/bin/constant_gateway: $(FCGI_OBJ)
$(BUILD)/bench/bin/check_cost: $(LIBC_HEAP)
$(BUILD)/bench/bin/check_cost: BENCH_LIBS = $(call library,libcrypto,crypto)
.PRECIOUS: $(BUILD)/bench/bin/%.o
$(BUILD)/bench/bin/%.o: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/bench/bin/%: $(BUILD)/bench/bin/%.o $(ARCHIVE)
	$(SAY) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(ARCHIVE) $(FCGI_LIB) $(LIBS) $(BENCH_LIBS)

.PHONY: bench
bench:
	@$(MAKE) --no-print-directory deps SETS="build bench"
	@$(MAKE) $(JOBS) all bench-programs $(if $(OLD),bench-before)
	@CC="$(CC)" OLD="$(OLD)" FCGI=$(abspath $(FCGI)) TOKENCTL=$(abspath $(TOKENCTL)) \
	    tests/bench/bench.sh $(BUILD)/bench $(SECTIONS)
# The program of another commit, for the section "before": make bench OLD=COMMIT SECTIONS=before
.PHONY: bench-before
bench-before:
	@rm -rf $(BUILD)/bench/before && mkdir -p $(BUILD)/bench/before
	@git archive $(OLD) | tar -x -C $(BUILD)/bench/before
	@$(MAKE) -C $(BUILD)/bench/before $(JOBS) BUILD=build all build/bench/bin/constant_gateway
.PHONY: bench-programs
bench-programs: $(BENCHES)

# Tests of the build itself run no line of src/, and what a guide installs writes no counts.
COVERAGE = 95
.PHONY: coverage
coverage:
	@$(MAKE) --no-print-directory deps SETS="build run check"
	@tests/tools/coverage.sh $(COVERAGE) $(filter-out %/make.bats %/guides.bats,$(TESTS))

# For clangd and other tools that ask how a file is compiled.
.PHONY: compile_commands.json
compile_commands.json:
	@printf '%s\n' $(wildcard src/*.c src/*/*.c tests/*/*.c) | jq -Rn --arg folder '$(CURDIR)' \
	    --arg compile '$(subst ','\'',$(CC) $(ALL_CPPFLAGS) -Itests/unit $(ALL_CFLAGS)) -c ' \
	    '[inputs | {directory: $$folder, file: ., command: ($$compile + .)}]' >$@

.PHONY: lint
lint:
	@$(MAKE) --no-print-directory deps SETS="build lint"
	@tests/tools/lint.sh $(ALL_CPPFLAGS) -std=c17 $(WARNINGS)

CONF := $(filter-out conf/debian,$(wildcard conf/*))
MAN  := $(wildcard src/man/*)
DOC  := README.md $(wildcard src/doc/*.md)
INSTALL_PROGRAM ?= $(INSTALL) -m 0755
INSTALL_DATA ?= $(INSTALL) -m 0644
# FROM:TO. What is installed here is what make uninstall removes.
DATA := $(foreach file,$(CONF),$(file):$(docdir)/$(file)) $(foreach file,$(DOC),$(file):$(docdir)/$(notdir $(file))) \
        $(foreach file,$(MAN),$(file):$(mandir)/man$(patsubst .%,%,$(suffix $(file)))/$(notdir $(file))) \
        conf/token.service:$(systemdunitdir)/token.service conf/token.socket:$(systemdunitdir)/token.socket \
        conf/token-sync.service:$(systemdunitdir)/token-sync.service \
        conf/token.sysusers:$(sysusersdir)/token.conf conf/token.tmpfiles:$(tmpfilesdir)/token.conf \
        conf/token.logrotate:$(logrotatedir)/token.fcgi conf/tokenctl.completion:$(completiondir)/tokenctl \
        conf/fail2ban-filter.conf:$(fail2bandir)/filter.d/token-fcgi.conf \
        conf/fail2ban-jail.conf:$(fail2bandir)/jail.d/token-fcgi.conf
INSTALLED := $(foreach pair,$(DATA),$(DESTDIR)$(lastword $(subst :, ,$(pair))))
# Text that names the folders of the default PREFIX, or $(sysconfdir) itself, names those in force when it is installed.
NAME_FOLDERS := sed -i -e 's|/usr/local/libexec|$(libexecdir)|g; s|/usr/local/etc|$(sysconfdir)|g' \
    -e 's|/usr/local/share/doc/token.fcgi|$(docdir)|g; s|/usr/local/lib/tmpfiles.d|$(tmpfilesdir)|g' \
    -e 's|/usr/local/lib/sysusers.d|$(sysusersdir)|g; s|$$(sysconfdir)|$(sysconfdir)|g; s|$$(docdir)|$(docdir)|g; s|(src/doc/|(|g'
define NEWLINE


endef
# The operator's own files, token.conf and all that it names, are made by `tokenctl init`, never by this.
.PHONY: install
install: all
	$(INSTALL) -d $(addprefix $(DESTDIR),$(libexecdir) $(bindir) $(sysconfdir)/token)
	$(INSTALL_PROGRAM) $(FCGI) $(DESTDIR)$(libexecdir)/token.fcgi
	$(INSTALL_PROGRAM) $(TOKENSYNC) $(DESTDIR)$(libexecdir)/token-sync
	$(INSTALL_PROGRAM) $(TOKENCTL) $(DESTDIR)$(bindir)/tokenctl
	$(foreach pair,$(DATA),$(INSTALL_DATA) -D $(subst :, $(DESTDIR),$(pair))$(NEWLINE)	)
	$(NAME_FOLDERS) $(INSTALLED)

.PHONY: install-strip
install-strip:
	$(MAKE) INSTALL_PROGRAM='$(INSTALL_PROGRAM) -s' install

.PHONY: uninstall
uninstall:
	rm -f $(addprefix $(DESTDIR),$(libexecdir)/token.fcgi $(libexecdir)/token-sync $(bindir)/tokenctl) $(INSTALLED)
	@rmdir $(DESTDIR)$(docdir)/conf $(sort $(dir $(INSTALLED))) $(DESTDIR)$(sysconfdir)/token 2>/dev/null || true

# A package of Debian must have its files in a folder debian at the top, so it is built in a copy of the tree. -d: the build
# dependencies were seen to by make deps.
VERSION := $(shell sed -n 's/^\#define TOKEN_VERSION "\(.*\)"/\1/p' src/version.h)
DEB_TREE := build/deb/token.fcgi-$(VERSION)
.PHONY: deb
deb:
	@$(MAKE) --no-print-directory deps SETS="build deb"
	@rm -rf build/deb build/package && mkdir -p $(DEB_TREE) build/package
	@tar -cf - --exclude=./build --exclude=./run --exclude=./.git --exclude=./cgi-bin/token.fcgi . | tar -xf - -C $(DEB_TREE)
	@cp -R conf/debian $(DEB_TREE)/debian && sed -i 's/@VERSION@/$(VERSION)/' $(DEB_TREE)/debian/changelog
	@cd $(DEB_TREE) && env -u MAKEFLAGS -u MAKELEVEL -u FCGI -u TOKENCTL -u BUILD dpkg-buildpackage -b -d -us -uc >../build.log 2>&1 || \
	    { tail -n 20 ../build.log; exit 1; }
	@mv build/deb/*.deb build/package/ && ls build/package/*.deb

.PHONY: clean
clean:
	rm -rf build cgi-bin/token.fcgi

.PHONY: FORCE
FORCE:

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/unit/*.d $(BUILD)/bench/bin/*.d)
