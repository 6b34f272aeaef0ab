#define _GNU_SOURCE
#include "CLinux.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>

// The spawner is single-threaded for life, so no lock needs to be reset in the child, as fork() does, which writes to pages of the dynamic
// linker that parent and child then no longer share. Libraries without _Fork (glibc before 2.34) get by with that.
extern pid_t _Fork(void) __attribute__((weak));
long ck_fork(void) { return ckResult(_Fork ? _Fork() : fork()); }

// One stack is enough: the caller waits for the child, and has no other thread. Untouched pages cost nothing.
static unsigned char borrowedStack[256 * 1024] __attribute__((aligned(4096)));

/// Where the heap's last free piece begins, which grows with the heap.
static uintptr_t heapTop(void) {
#if __GLIBC_PREREQ(2, 33)
    return (uintptr_t)sbrk(0) - mallinfo2().keepcost;
#else
    return (uintptr_t)sbrk(0) - (size_t)mallinfo().keepcost;
#endif
}

static int forgetImage(struct dl_phdr_info *image, size_t size, void *context) {
    (void)size;
    (void)context;
    const uintptr_t page = 4096;
    for (int index = 0; index < image->dlpi_phnum; index++) {
        if (image->dlpi_phdr[index].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const void *)(image->dlpi_addr + image->dlpi_phdr[index].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++)
            if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL)) return 0;
    }
    // Noted first: the headers lie in one of them, and would bring it back.
    struct { uintptr_t start, end; } forgotten[8];
    int count = 0;
    for (int index = 0; index < image->dlpi_phnum && count < 8; index++) {
        const ElfW(Phdr) *segment = &image->dlpi_phdr[index];
        // What may be written to has been, by the dynamic linker at least.
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        forgotten[count].start = (image->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        forgotten[count++].end = (image->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
    }
    while (count-- > 0) madvise((void *)forgotten[count].start, forgotten[count].end - forgotten[count].start, MADV_DONTNEED);
    return 0;
}
void ck_forget_images(void) { dl_iterate_phdr(forgetImage, NULL); }

void ck_seal_heap(void) {
    // Joins what is free and small, and leaves the end as it is.
    malloc_trim(1 << 24);
    uintptr_t top = heapTop();
    // The best fit below it for each size, the larger first; what comes from above shows that there is none.
    for (size_t size = 32 * 1024; size >= 24; size = size > 32 ? size / 2 : size - 8)
        for (void *filler; (filler = malloc(size)) != NULL;)
            if ((uintptr_t)filler >= top) {
                free(filler);
                break;
            }
    // Up to the next page, less the 8 bytes that malloc(3) needs.
    size_t rest = -heapTop() & 4095;
    if (malloc(rest < 32 ? rest + 4096 - 8 : rest - 8) == NULL) return;
}

void ck_trim_memory(void) {
    malloc_trim(0);
    ck_forget_images();
    madvise(borrowedStack, sizeof borrowedStack, MADV_DONTNEED);
    // What deeper calls have left behind, less the 128 bytes that a leaf may use. A part that was never touched is no mapping: ENOMEM.
    const uintptr_t page = 4096, depth = 256 * 1024;
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - 1024) & ~(page - 1);
    madvise((void *)(end - depth), depth, MADV_DONTNEED);
}

long ck_clone3_borrowing(uint64_t flags, int *pidfd, int exitSignal, int cgroup, void (*body)(void *), void *context) {
    struct clone_args arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = flags | CLONE_VM | CLONE_VFORK;
    arguments.pidfd = (uint64_t)(uintptr_t)pidfd;
    arguments.exit_signal = (uint64_t)exitSignal;
    arguments.stack = (uint64_t)(uintptr_t)borrowedStack;
    arguments.stack_size = sizeof borrowedStack;
    arguments.cgroup = (uint64_t)cgroup;
    // In assembler, since the child returns on an empty stack: no compiler may put anything between the call and the branch.
#if defined(__x86_64__)
    long result = SYS_clone3;
    register void *context_ __asm__("r8") = context;
    register void (*body_)(void *) __asm__("r9") = body;
    __asm__ volatile(
        "syscall\n\t"
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xorl %%ebp, %%ebp\n\t"
        "movq %%r8, %%rdi\n\t"
        "callq *%%r9\n\t"
        "ud2\n"
        "1:"
        : "+a"(result)
        : "D"(&arguments), "S"(sizeof arguments), "r"(context_), "r"(body_)
        : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_clone3;
    register long result __asm__("x0") = (long)&arguments;
    register unsigned long size __asm__("x1") = sizeof arguments;
    register void *context_ __asm__("x9") = context;
    register void (*body_)(void *) __asm__("x10") = body;
    __asm__ volatile(
        "svc #0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x29, #0\n\t"
        "mov x0, x9\n\t"
        "blr x10\n\t"
        "brk #1\n"
        "1:"
        : "+r"(result)
        : "r"(number), "r"(size), "r"(context_), "r"(body_)
        : "memory", "cc");
    return result;
#else
    (void)body;
    (void)context;
    return -ENOSYS;
#endif
}

extern char **environ;
void ck_clear_environment(void) {
    for (char **variable = environ; variable && *variable; variable++) memset(*variable, 0, strlen(*variable));
    // glibc reads its own variable from a copy, and lists that instead of what the kernel shows, which lies between arguments and file name.
    char *arguments = program_invocation_name, *end = (char *)getauxval(AT_EXECFN);
    if (arguments && end > arguments) memset(arguments + strlen(arguments), 0, (size_t)(end - arguments) - strlen(arguments));
    clearenv();
}

void ck_default_signals(void) {
    // The kernel's struct sigaction: handler, flags, restorer (where there is one), mask.
    unsigned long action[4] = {0, 0, 0, 0};
    for (int number = 1; number <= 64; number++) syscall(SYS_rt_sigaction, number, action, NULL, 8);
}

long ck_reset_affinity(void) {
    unsigned char all[1024];
    memset(all, 0xff, sizeof all);
    return ck_sched_setaffinity(0, sizeof all, all);
}

enum { maximumDescriptors = 253 };  // SCM_MAX_FD

union control {
    char bytes[CMSG_SPACE(maximumDescriptors * sizeof(int))];
    struct cmsghdr alignment;
};

long ck_send(int socket, const void *bytes, size_t size, const int *descriptors, size_t count, int flags) {
    if (count > maximumDescriptors) return -EINVAL;
    struct iovec vector = {(void *)bytes, size};
    union control control;
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, CMSG_SPACE(count * sizeof(int)));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    }
    long result;
    do result = ckResult(sendmsg(socket, &message, flags | MSG_NOSIGNAL));
    while (result == -EINTR);
    return result;
}

long ck_receive(int socket, void *bytes, size_t size, int *descriptors, size_t *count, int flags) {
    size_t room = *count < maximumDescriptors ? *count : maximumDescriptors;
    struct iovec vector = {bytes, size};
    union control control;
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (room > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(room * sizeof(int));
    }
    long result;
    do result = ckResult(recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC));
    while (result == -EINTR);
    *count = 0;
    if (result < 0) return result;
    int overflow = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const unsigned char *data = CMSG_DATA(header);
        for (size_t index = 0; index < received; index++) {
            int descriptor;
            memcpy(&descriptor, data + index * sizeof(int), sizeof descriptor);
            // CMSG_SPACE rounds up, so one descriptor more than was asked for may arrive.
            if (*count < room) descriptors[(*count)++] = descriptor;
            else { close(descriptor); overflow = 1; }
        }
    }
    if (overflow) {
        for (size_t index = 0; index < *count; index++) close(descriptors[index]);
        *count = 0;
        return -EMSGSIZE;
    }
    return result;
}

long ck_peer_credentials(int socket, int *pid, unsigned *uid, unsigned *gid) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    long result = ckResult(getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size));
    if (result < 0) return result;
    *pid = credentials.pid;
    *uid = credentials.uid;
    *gid = credentials.gid;
    return 0;
}

static long withPath(int socket, const char *path, int (*call)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length + 1);
    return ckResult(call(socket, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1)));
}
long ck_bind_path(int socket, const char *path) { return withPath(socket, path, bind); }
long ck_connect_path(int socket, const char *path) { return withPath(socket, path, connect); }
