// filter <pid> <file>: reads the seccomp programs of a process back from the kernel (ptrace(2), PTRACE_SECCOMP_GET_FILTER), newest first.
//
// The floor loads what our container was found to have, so that both are held to the same rules, byte for byte. Needs
// CAP_SYS_ADMIN and a kernel with CONFIG_CHECKPOINT_RESTORE.
#include <errno.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

extern long ptrace(int request, ...);

static int fail(const char *what) {
    fprintf(stderr, "filter: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: filter <pid> <file>\n");
        return 2;
    }
    pid_t pid = atoi(arguments[1]);
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) return fail("PTRACE_SEIZE");
    if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0) return fail("PTRACE_INTERRUPT");
    if (waitpid(pid, NULL, __WALL) < 0) return fail("waitpid");
    FILE *file = fopen(arguments[2], "w");
    if (!file) return fail(arguments[2]);
    int filters = 0;
    long length;
    while ((length = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, filters, NULL)) > 0) {
        struct sock_filter *program = calloc(length, sizeof *program);
        if (ptrace(PTRACE_SECCOMP_GET_FILTER, pid, filters, program) != length) return fail("PTRACE_SECCOMP_GET_FILTER");
        // One program is what the floor loads; more would have to be told apart.
        if (filters == 0) fwrite(program, sizeof *program, length, file);
        printf("%ld instructions\n", length);
        free(program);
        filters++;
    }
    if (length < 0 && errno != ENOENT) return fail("PTRACE_SECCOMP_GET_FILTER");
    ptrace(PTRACE_DETACH, pid, 0, 0);
    return fclose(file) == 0 && filters == 1 ? 0 : fail("not exactly one filter");
}
