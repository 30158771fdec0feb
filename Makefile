# make            token.fcgi and tokenctl            make run        a demo behind lighttpd on 127.0.0.1:8080
# make check      all tests, counted                 make lint       format, static analysis, direction of includes
# make install    PREFIX, DESTDIR, sysconfdir        make check-slow the tests again under sanitizers and valgrind
#
# SANITIZE=address,undefined or SANITIZE=thread builds into a folder of its own under build/.

PREFIX     ?= /usr/local
prefix     ?= $(PREFIX)
exec_prefix ?= $(prefix)
bindir     ?= $(exec_prefix)/bin
libexecdir ?= $(exec_prefix)/libexec
sysconfdir ?= $(prefix)/etc
mandir     ?= $(prefix)/share/man
docdir     ?= $(prefix)/share/doc/token.fcgi
INSTALL    ?= install

ifeq ($(origin CC),default)
CC := gcc
endif
comma    := ,
SANITIZE ?=
BUILD    ?= build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))
FCGI     ?= $(if $(SANITIZE),$(BUILD)/token.fcgi,cgi-bin/token.fcgi)
TOKENCTL ?= $(BUILD)/tokenctl

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
CFLAGS   ?= -O2 -g
ALL_CPPFLAGS := -D_GNU_SOURCE -Isrc -DSYSCONFDIR='"$(sysconfdir)"' -MMD -MP $(CPPFLAGS)
ALL_CFLAGS := -std=c17 -pthread $(WARNINGS) $(HARDENING) -fPIE $(CFLAGS) \
              $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_LDFLAGS := -pthread -pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now -Wl$(comma)--as-needed $(LDFLAGS) \
               $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LIBS     := -linih -ljson-c -lcrypt -lcrypto

# Every room is in one archive, so that each program links only what it uses.
ROOMS    := gateway endpoint oauth http service account token base
ROOM_OBJ := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard $(ROOMS:%=src/%/*.c)))
CTL_OBJ  := $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/tokenctl/*.c))
ARCHIVE  := $(BUILD)/libtoken.a
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all
all: $(FCGI) $(TOKENCTL)

$(FCGI): $(BUILD)/obj/main.o $(ARCHIVE)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lfcgi $(LIBS)

$(TOKENCTL): $(CTL_OBJ) $(ARCHIVE)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(ARCHIVE): $(ROOM_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

# The stamp changes with the compiler and its flags, so that an object is never of another build.
FLAGS := $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS))' > $@

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) -Itests/unit $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(ARCHIVE) -lcmocka -lfcgi $(LIBS)

.PHONY: unit
unit: $(UNIT)
	@for test in $(UNIT); do echo "$$test"; "$$test" || exit 1; done

.PHONY: clean
clean:
	rm -rf build cgi-bin/token.fcgi

.PHONY: FORCE
FORCE:

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/obj/*/*.d $(BUILD)/unit/*.d)
