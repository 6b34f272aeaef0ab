#include "CUnpackerFilter.h"
#include "CLinux.h"
#include "Launch.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define CK_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CK_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static const int allowed[] = {
    // Files.
    SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_lseek, SYS_openat, SYS_openat2, SYS_close, SYS_fstat,
    SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_getdents64, SYS_readlinkat, SYS_ftruncate, SYS_fallocate, SYS_copy_file_range,
    SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_renameat2, SYS_fchown, SYS_fchownat, SYS_fchmod,
    SYS_fchmodat, SYS_utimensat, SYS_fsetxattr, SYS_lsetxattr, SYS_fgetxattr, SYS_flistxattr, SYS_fcntl, SYS_dup, SYS_umask,
    // The frames to and from the host.
    SYS_sendmsg, SYS_recvmsg, SYS_sendto, SYS_recvfrom, SYS_ppoll,
    // Memory, time, the end.
    SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_getrandom, SYS_clock_gettime, SYS_gettimeofday, SYS_sched_yield,
    SYS_getpid, SYS_gettid, SYS_tgkill, SYS_geteuid, SYS_getegid, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn,
    SYS_restart_syscall, SYS_exit, SYS_exit_group,
#if defined(__x86_64__)
    SYS_poll,
#endif
};

// Like the ones above unless they ask for memory that can be executed.
static const int memory[] = {SYS_mmap, SYS_mprotect};

enum { allowedCount = sizeof allowed / sizeof *allowed, memoryCount = sizeof memory / sizeof *memory };

long ck_filter_unpacker(void) {
#ifndef CK_ARCHITECTURE
    return -ENOSYS;
#else
    struct sock_filter program[4 + 2 * allowedCount + 5 * memoryCount + 1];
    size_t count = 0;
    const uint32_t number = offsetof(struct seccomp_data, nr), architecture = offsetof(struct seccomp_data, arch);
    const uint32_t protection = offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t);
#define CK_ADD(...) program[count++] = (struct sock_filter)__VA_ARGS__
    CK_ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, architecture));
    CK_ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CK_ARCHITECTURE, 1, 0));
    CK_ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    CK_ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number));
    for (size_t index = 0; index < allowedCount; index++) {
        CK_ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[index], 0, 1));
        CK_ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    }
    for (size_t index = 0; index < memoryCount; index++) {
        CK_ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)memory[index], 0, 4));
        CK_ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, protection));
        CK_ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0));
        CK_ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
        CK_ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES));
    }
    CK_ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
#undef CK_ADD
    return ck_seccomp_load(0, program, count * sizeof *program);
#endif
}
