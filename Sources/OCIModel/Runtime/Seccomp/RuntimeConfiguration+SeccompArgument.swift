extension RuntimeConfiguration {
    /// A condition on one argument of a system call.
    public struct SeccompArgument: Sendable, Hashable, Codable {
        /// Which argument, 0…5.
        public var index: UInt32
        /// What it is compared with; with `SCMP_CMP_MASKED_EQ` the mask.
        public var value: UInt64
        /// The value after masking with `SCMP_CMP_MASKED_EQ`; nil is 0.
        public var valueTwo: UInt64?
        /// `SCMP_CMP_…`.
        public var op: String

        /// Makes a value; what is left out is not set.
        public init(index: UInt32, value: UInt64, valueTwo: UInt64? = nil, op: String) {
            self.index = index
            self.value = value
            self.valueTwo = valueTwo
            self.op = op
        }
    }
}
