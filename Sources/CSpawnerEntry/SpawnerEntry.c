// Diverts a re-executed host program before its main: it becomes the spawner. C, because Swift has no constructors.
// The constructor has no priority: with one it would run before Swift registers the image, and crash.
#define _GNU_SOURCE
#include "CSpawnerEntry.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

const int ckSpawnerEntryAnchor = 1;
static const char marker[] = "CONTAINERKIT_SPAWNER";
const char *ckSpawnerMarkerName(void) { return marker; }

// MARK: what other modules provide

/// SpawnKit's entry, in Swift; it does not return.
extern void containerkit_spawner_main(int control) __attribute__((weak));
/// A non-zero value marks the executable products `container-shim` and `durable-shim`, which serve hosts that are other programs.
extern const int containerkit_serves_other_programs __attribute__((weak));

typedef int role(const uint8_t *, ptrdiff_t, const int *, int);
extern role containerkit_role_shim __attribute__((weak));
extern role containerkit_role_unpacker __attribute__((weak));
extern role containerkit_role_probe __attribute__((weak));

static role *roleNumbered(uint32_t number) {
    switch (number) {
    case 1: return containerkit_role_shim;
    case 2: return containerkit_role_unpacker;
    case 63: return containerkit_role_probe;
    default: return NULL;
    }
}
int ckRunRole(uint32_t number, const uint8_t *request, ptrdiff_t size, const int *descriptors, int count) {
    role *run = roleNumbered(number);
    return run ? run(request, size, descriptors, count) : -1;
}
int ckHasRole(uint32_t number) { return roleNumbered(number) != NULL; }

extern void containerkit_prepare_shim(int isSpare) __attribute__((weak));
extern uint32_t containerkit_shim_frames(void) __attribute__((weak));

uint32_t ckShimFrames(void) { return containerkit_shim_frames ? containerkit_shim_frames() : 0; }

void ckPrepareRole(uint32_t number, int isSpare) {
    if (number == 1 && containerkit_prepare_shim) containerkit_prepare_shim(isSpare);
}

// MARK: build id

static uint64_t mix(uint64_t hash, const void *bytes, size_t size) {
    for (const unsigned char *byte = bytes, *end = byte + size; byte < end; byte++) hash = (hash ^ *byte) * 0x100000001b3;
    return hash;
}
static int addImage(struct dl_phdr_info *image, size_t size, void *result) {
    (void)size;
    uintptr_t here = (uintptr_t)&ckSpawnerEntryAnchor;
    int isOurs = 0;
    for (int index = 0; index < image->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &image->dlpi_phdr[index];
        uintptr_t start = image->dlpi_addr + segment->p_vaddr;
        isOurs |= segment->p_type == PT_LOAD && here - start < segment->p_memsz;
    }
    if (!isOurs) return 0;
    uint64_t hash = mix(0xcbf29ce484222325, image->dlpi_phdr, image->dlpi_phnum * sizeof *image->dlpi_phdr);
    for (int index = 0; index < image->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &image->dlpi_phdr[index];
        int isCode = segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && !(segment->p_flags & PF_W);
        if (segment->p_type != PT_NOTE && !isCode) continue;
        size_t length = segment->p_filesz < 16384 ? segment->p_filesz : 16384;
        hash = mix(hash, (const void *)(image->dlpi_addr + segment->p_vaddr), length);
    }
    *(uint64_t *)result = hash;
    return 1;
}
uint64_t ckSpawnerBuildID(void) {
    uint64_t result = 0;
    dl_iterate_phdr(addImage, &result);
    return result;
}

// MARK: whom it believes

/// Anybody can set a variable, and whoever executes a set-uid program is its parent: every condition counts.
static int isOurHost(int control) {
    uid_t realUser, effectiveUser, savedUser;
    gid_t realGroup, effectiveGroup, savedGroup;
    if (getauxval(AT_SECURE) != 0) return 0;
    if (getresuid(&realUser, &effectiveUser, &savedUser) != 0 || realUser != effectiveUser || effectiveUser != savedUser)
        return 0;
    if (getresgid(&realGroup, &effectiveGroup, &savedGroup) != 0 || realGroup != effectiveGroup || effectiveGroup != savedGroup)
        return 0;

    int domain = 0, type = 0;
    socklen_t size = sizeof domain;
    if (getsockopt(control, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX) return 0;
    size = sizeof type;
    if (getsockopt(control, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) return 0;
    struct ucred peer;
    size = sizeof peer;
    if (getsockopt(control, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
    return peer.pid > 0 && peer.pid == getppid() && peer.uid == effectiveUser;
}

static long long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/// Waits at most two seconds for the greeting.
static int isGreeted(int control) {
    struct ckSpawnerGreeting greeting;
    long long end = milliseconds() + 2000, left;
    while ((left = end - milliseconds()) > 0) {
        struct pollfd readable = {.fd = control, .events = POLLIN};
        if (poll(&readable, 1, (int)left) < 0 && errno != EINTR) return 0;
        ssize_t size = recv(control, &greeting, sizeof greeting, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (size != sizeof greeting || greeting.magic != ckSpawnerMagic || greeting.protocol != ckSpawnerProtocol) return 0;
        return greeting.buildID == ckSpawnerBuildID()
            || (&containerkit_serves_other_programs != NULL && containerkit_serves_other_programs);
    }
    return 0;
}

__attribute__((constructor)) static void divert(int argumentCount, char **arguments, char **environment) {
    (void)argumentCount;
    (void)arguments;
    size_t length = sizeof marker - 1;
    const char *value = NULL;
    // The environment the kernel gave, not getenv: libraries initialised before may have touched that.
    for (char **variable = environment; variable && *variable; variable++)
        if (strncmp(*variable, marker, length) == 0 && (*variable)[length] == '=') value = *variable + length + 1;
    if (!value) return;
    char *end;
    long control = strtol(value, &end, 10);
    int isNumber = *value != 0 && *end == 0 && control == ckSpawnerControl;
    // Overwritten too: /proc/<pid>/environ keeps the bytes of a removed variable.
    char *bytes = (char *)value - length - 1;
    unsetenv(marker);
    memset(bytes, 0, strlen(bytes));
    if (isNumber && containerkit_spawner_main && isOurHost((int)control) && isGreeted((int)control))
        containerkit_spawner_main((int)control);
}
