import Glibc
import LinuxSystem
import SystemPackage
import Testing

@Suite(.serialized)
struct DescriptorTests {
    private func isOpen(_ number: CInt) -> Bool { fcntl(number, F_GETFD) >= 0 }

    @Test func oneOwnerClosesOnce() throws {
        var number: CInt = -1
        do {
            let file = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY).duplicate(from: 800)
            number = file.rawValue
            #expect(number >= 800 && isOpen(number))
            #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
        }
        #expect(!isOpen(number))
    }

    @Test func whatIsReleasedIsNotClosed() throws {
        let number = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY).duplicate(from: 810).release()
        #expect(isOpen(number))
        close(number)
    }

    @Test func theLastHolderCloses() throws {
        var shared: SharedDescriptor? = SharedDescriptor(try OwnedDescriptor.open("/dev/null", flags: O_RDONLY).duplicate(from: 820))
        var second = shared
        let number = try #require(shared?.rawValue)
        shared = nil
        #expect(isOpen(number))
        #expect(second?.rawValue == number)
        second = nil
        #expect(!isOpen(number))
    }

    @Test func aRangeIsClosedAndItsNeighboursStay() throws {
        let numbers = try (900..<904).map { try OwnedDescriptor.open("/dev/null", flags: O_RDONLY).duplicate(from: $0).release() }
        try #require(numbers == [900, 901, 902, 903])
        try DescriptorTable.close(from: 901, through: 902)
        #expect(numbers.map(isOpen) == [true, false, false, true])
        // An empty range is nothing, not everything.
        try DescriptorTable.close(from: 904, through: 903)
        #expect(isOpen(903))
        for number in [900, 903] as [CInt] { close(number) }
    }

    @Test func aListClosesWhatNobodyTook() throws {
        let numbers = try (0..<3).map { _ in
            try OwnedDescriptor.open("/dev/null", flags: O_RDONLY).duplicate(from: 850).release()
        }
        do {
            var list = DescriptorList(numbers)
            let first = try present(list.take()).rawValue
            let left = list.count
            #expect(first == numbers[0] && left == 2)
            #expect(numbers.map(isOpen) == [false, true, true])
        }
        #expect(!numbers.contains(where: isOpen))
    }
}
