import Glibc

/// Memory that this program holds while it starts containers: copying page tables would show.
enum Ballast {
    /// - Returns: KiB that are resident now.
    static func hold(_ bytes: Int) -> Int {
        if bytes > 0 {
            let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            // By small pages, which is what a heap that grew slowly consists of.
            if let memory, memory != MAP_FAILED {
                madvise(memory, bytes, MADV_NOHUGEPAGE)
                memset(memory, 1, bytes)
            }
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss
    }
}
