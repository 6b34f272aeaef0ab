public import OCIModel
internal import Synchronization

/// An architecture that containers run on.
public enum SeccompArchitecture: String, Sendable, Hashable, CaseIterable {
    /// x86-64, with x86 and x32 programs.
    case amd64
    /// 64-bit ARM, with 32-bit programs.
    case arm64

    /// The one this program was compiled for.
    public static var host: SeccompArchitecture {
        #if arch(arm64)
        .arm64
        #else
        .amd64
        #endif
    }

    /// Names of libseccomp, the native one first.
    var names: [String] {
        switch self {
        case .amd64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        case .arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
        }
    }
}

/// The system call filter that Docker gives to a container by default.
public enum DefaultSeccompProfile {
    /// The profile for a container.
    ///
    /// - Parameters:
    ///   - capabilities: the bounding set by name (`CAP_SYS_ADMIN`): some system calls are allowed with a capability only.
    ///   - architecture: what the container runs on.
    ///   - kernel: the running kernel: ptrace is safe to allow from 4.8 on.
    public static func configuration(
        capabilities: [String], architecture: SeccompArchitecture = .host, kernel: KernelVersion = .running
    ) -> RuntimeConfiguration.Seccomp {
        let request = Request(capabilities: capabilities, architecture: architecture, kernel: kernel)
        return made.withLock { made in
            if let profile = made[request] { return profile }
            // A program asks for two or three.
            if made.count >= 64 { made.removeAll() }
            let profile = make(request)
            made[request] = profile
            return profile
        }
    }

    private struct Request: Hashable {
        var capabilities: [String]
        var architecture: SeccompArchitecture
        var kernel: KernelVersion
    }

    /// Made once each: reading the table costs as much as a good part of a launch, and profiles that share their rules compare at once.
    private static let made = Mutex<[Request: RuntimeConfiguration.Seccomp]>([:])

    private static func make(_ request: Request) -> RuntimeConfiguration.Seccomp {
        let (architecture, kernel) = (request.architecture, request.kernel)
        typealias Rule = RuntimeConfiguration.SeccompRule
        typealias Argument = RuntimeConfiguration.SeccompArgument
        let held = Set(request.capabilities)
        var rules = [Rule(names: names(DefaultSeccompTable.always), action: .allow)]
        let below = Argument(index: 0, value: DefaultSeccompTable.socketFamiliesBelow, op: "SCMP_CMP_LT")
        rules.append(Rule(names: ["socket"], action: .allow, args: [below]))
        for family in DefaultSeccompTable.socketFamilies {
            rules.append(Rule(names: ["socket"], action: .allow, args: [Argument(index: 0, value: family, op: "SCMP_CMP_EQ")]))
        }
        for domain in DefaultSeccompTable.personalities {
            rules.append(Rule(names: ["personality"], action: .allow, args: [Argument(index: 0, value: domain, op: "SCMP_CMP_EQ")]))
        }
        for row in DefaultSeccompTable.conditional {
            if let needs = row.needs, !held.contains(needs) { continue }
            if let unless = row.unless, held.contains(unless) { continue }
            if let only = row.architecture, only != architecture { continue }
            if let minimum = row.minimumKernel, kernel < minimum { continue }
            var arguments: [Argument]?
            if let argument = row.argument {
                // MASKED_EQ: (argument & value) == valueTwo.
                arguments = [Argument(index: argument.index, value: argument.value, valueTwo: 0, op: argument.comparison)]
            }
            rules.append(
                Rule(names: names(row.names), action: row.errno == nil ? .allow : .errno, errnoRet: row.errno, args: arguments))
        }
        return RuntimeConfiguration.Seccomp(
            defaultAction: .errno, defaultErrnoRet: 1, architectures: architecture.names, syscalls: rules)
    }

    private static func names(_ row: String) -> [String] { row.split { $0 == " " || $0 == "\n" }.map(String.init) }
}
