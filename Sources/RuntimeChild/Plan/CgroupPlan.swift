/// The container's cgroup: directories to make, files to write, and how the child gets in.
package struct CgroupPlan: Sendable, Hashable {
    /// One directory per hierarchy in use; on v2 exactly one.
    package var directories: [Directory]

    package struct Directory: Sendable, Hashable {
        /// Absolute path of the leaf, below its parent, which exists (`/sys/fs/cgroup/memory/containerkit/<id>`).
        package var path: String
        /// True on v2: the child is cloned into it (CLONE_INTO_CGROUP); else the child writes 0 into `tasks`.
        package var isUnified: Bool
        /// Controls to write after mkdir and before the child enters, in order.
        package var writes: [Write]
        /// v2 only: a device filter (`struct bpf_insn` array) to load and attach (BPF_CGROUP_DEVICE).
        package var deviceProgram: [UInt8]

        package init(path: String, isUnified: Bool, writes: [Write] = [], deviceProgram: [UInt8] = []) {
            self.path = path
            self.isUnified = isUnified
            self.writes = writes
            self.deviceProgram = deviceProgram
        }
    }

    package struct Write: Sendable, Hashable {
        /// File name inside the directory.
        package var file: String
        package var value: String
        /// The configuration field it comes from, for the error (`linux.resources.memory.limit`).
        package var field: String
        /// Ignore ENOENT: the control exists only on some kernels and its absence is harmless (swap accounting off
        /// and no swap limit asked for).
        package var isOptional: Bool

        package init(file: String, value: String, field: String, isOptional: Bool = false) {
            self.file = file
            self.value = value
            self.field = field
            self.isOptional = isOptional
        }
    }

    package init(directories: [Directory]) { self.directories = directories }
}
