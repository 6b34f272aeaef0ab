#define _GNU_SOURCE
#include <errno.h>
#include "CLinux.h"

long ck_seccomp_load(unsigned flags, const void *program, size_t size) {
    struct sock_fprog filter = {.len = (unsigned short)(size / sizeof(struct sock_filter)), .filter = (void *)program};
    if (size % sizeof(struct sock_filter) || size / sizeof(struct sock_filter) > 0xffff) return -EINVAL;
    return ck_seccomp(SECCOMP_SET_MODE_FILTER, flags, &filter);
}

// The kernel's sigaction: glibc refuses the two signals it keeps for itself, which a parent may have ignored too.
struct kernel_sigaction { void *handler; unsigned long flags; void *restorer; unsigned long mask; };

void ck_reset_signals(void) {
    struct kernel_sigaction action = {0};
    for (int number = 1; number <= 64; number++) syscall(SYS_rt_sigaction, number, &action, NULL, 8);
    ck_empty_signal_mask();
}

void ck_empty_signal_mask(void) {
    struct kernel_sigaction action = {0};
    unsigned long empty = 0;
    syscall(SYS_rt_sigaction, SIGPIPE, &action, NULL, 8);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &empty, NULL, 8);
}

void *ck_shared_page(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}
void ck_unmap_page(void *page) { munmap(page, 4096); }

long ck_device_filter_load(const void *program, size_t size) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)program;
    attributes.insn_cnt = (uint32_t)(size / sizeof(struct bpf_insn));
    attributes.license = (uint64_t)(uintptr_t) "GPL";
    return ck_bpf(BPF_PROG_LOAD, &attributes, sizeof attributes);
}

long ck_device_filter_attach(int program, int cgroup) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    return ck_bpf(BPF_PROG_ATTACH, &attributes, sizeof attributes);
}

long ck_raise_loopback(void) {
    struct { char name[16]; short flags; char padding[22]; } request = {"lo", 0x1 /* IFF_UP */, {0}};
    long socket_ = ck_socket(AF_INET, SOCK_DGRAM, 0);
    if (socket_ == -EAFNOSUPPORT) socket_ = ck_socket(AF_UNIX, SOCK_DGRAM, 0);
    if (socket_ < 0) return socket_;
    long result = ck_ioctl_pointer((int)socket_, ck_SIOCSIFFLAGS, &request);
    close((int)socket_);
    return result;
}

long ck_connect_inet(int socket, const uint8_t *address, size_t size, uint16_t port) {
    if (size == 4) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = __builtin_bswap16(port)};
        memcpy(&to.sin_addr, address, 4);
        return ckResult(connect(socket, (const struct sockaddr *)&to, sizeof to));
    }
    if (size != 16) return -EINVAL;
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = __builtin_bswap16(port)};
    memcpy(&to.sin6_addr, address, 16);
    return ckResult(connect(socket, (const struct sockaddr *)&to, sizeof to));
}

long ck_socket_error(int socket) {
    int error = 0;
    socklen_t size = sizeof error;
    long result = ckResult(getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size));
    return result < 0 ? result : -(long)error;
}

void ck_hide_arguments(unsigned long count) {
    static const char name[] = "ck-init";
    // glibc's pointer to argv[0]; the others follow it (man 3 program_invocation_name).
    char *first = program_invocation_name;
    if (first == NULL) return;
    for (unsigned long index = 0; index < count; index++) first[index] = index < sizeof name ? name[index] : 0;
}
