// The first instructions of ckrun, before those of the C library: a verb that makes a process executes the program anew through a read-only
// mount (CVE-2019-5736), as RuntimeKit's `CommandRuntime.protectProgram` does. There it would cost a second start of the C library, which
// asks the processor about its caches by instructions that trap in a virtual machine, and of Swift: a tenth of `ckrun exec`.
// What cannot be done here, for want of a right or of a system call, is left to `protectProgram`, which has other ways and tells errors.
//
// Nothing of the C library is there yet: no thread's storage, no functions of strings. So these are bare system calls.
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <asm/statfs.h>
#include <stddef.h>

#define EARLY __attribute__((no_stack_protector, optnone, noinline))

#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC 02000000
#endif

#if defined(__x86_64__)
#define STATFS __NR_statfs
EARLY static long call(long number, long first, long second, long third, long fourth, long fifth) {
    long result;
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
__asm__(".text\n"
        ".globl ckrun_start\n"
        ".type ckrun_start, @function\n"
        "ckrun_start:\n"
        "    mov %rsp, %rbx\n"
        "    mov %rdx, %r12\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call ckrun_protect\n"
        "    mov %rbx, %rsp\n"
        "    mov %r12, %rdx\n"
        "    jmp _start\n");
#elif defined(__aarch64__)
#define STATFS __NR_statfs
EARLY static long call(long number, long first, long second, long third, long fourth, long fifth) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    register long x3 __asm__("x3") = fourth;
    register long x4 __asm__("x4") = fifth;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
__asm__(".text\n"
        ".globl ckrun_start\n"
        ".type ckrun_start, %function\n"
        "ckrun_start:\n"
        "    mov x19, sp\n"
        "    mov x20, x0\n"
        "    mov x0, sp\n"
        "    bl ckrun_protect\n"
        "    mov sp, x19\n"
        "    mov x0, x20\n"
        "    b _start\n");
#else
#error "ckrun runs on x86-64 and arm64"
#endif

EARLY static int begins(const char *text, const char *prefix) {
    while (*prefix && *text == *prefix) text++, prefix++;
    return *prefix == 0;
}

EARLY static int is(const char *text, const char *other) {
    while (*text && *text == *other) text++, other++;
    return *text == *other;
}

/// Returns where there is nothing to do, or nothing that can be done here.
/// - Parameter stack: what the kernel has put there: the count of arguments, these, NULL, the environment, NULL.
EARLY __attribute__((visibility("hidden"), used)) void ckrun_protect(long *stack) {
    long count = stack[0];
    char **arguments = (char **)(stack + 1), **environment = arguments + count + 1;
    // A word of another meaning costs an execution that does no harm.
    int makesProcess = 0;
    for (long index = 1; index < count; index++) {
        char *word = arguments[index];
        makesProcess = is(word, "create") || is(word, "run") || is(word, "exec");
        if (makesProcess) break;
    }
    if (!makesProcess) return;
    const char *own = "/proc/self/exe";
    struct statfs status;
    // ST_RDONLY: it runs from such a mount, perhaps by what follows.
    if (call(STATFS, (long)own, (long)&status, 0, 0, 0) != 0 || status.f_flags & 1) return;
    long tree = call(__NR_open_tree, AT_FDCWD, (long)own, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    if (tree < 0) return;
    struct mount_attr attributes;
    attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
    attributes.attr_clr = 0;
    attributes.propagation = 0;
    attributes.userns_fd = 0;
    if (call(__NR_mount_setattr, tree, (long)"", AT_EMPTY_PATH, (long)&attributes, sizeof(attributes)) == 0) {
        // A program of a detached mount has no path, so Swift would look for its crash reporter below the working directory.
        char *setting = "SWIFT_BACKTRACE=enable=no,swift-backtrace=/";
        long size = 0, kept = 0;
        while (environment[size]) size++;
        char *changed[size + 2];
        for (long index = 0; index < size; index++) {
            if (!begins(environment[index], "SWIFT_BACKTRACE=")) changed[kept++] = environment[index];
        }
        changed[kept++] = setting;
        changed[kept] = NULL;
        call(__NR_execveat, tree, (long)"", (long)arguments, (long)changed, AT_EMPTY_PATH);
    }
    call(__NR_close, tree, 0, 0, 0, 0);
}
