// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

// The targets of Tests/Fuzzing are compiled in one of two ways: for `make fuzz` into the program that libFuzzer drives, else
// into a test. They look into the modules as tests do.
let fuzzing: Target =
    if Context.environment["BATON_FUZZ"] != nil {
        .executableTarget(
            name: "baton-fuzz", dependencies: ["BatonFiles", "BatonProtocol", "BatonTLS", "COpenSSL", nio, system],
            path: "Tests/Fuzzing", exclude: ["Corpus", "Regressions", "Replay"],
            sources: ["Program", "Support", "Targets"],
            swiftSettings: strict)
    } else {
        .testTarget(
            name: "FuzzingTests", dependencies: ["BatonFiles", "BatonProtocol", "BatonTLS", "COpenSSL", nio, system],
            path: "Tests/Fuzzing", exclude: ["Corpus", "Program", "Regressions"],
            sources: ["Replay", "Support", "Targets"],
            swiftSettings: strict)
    }

let package = Package(
    name: "baton",
    products: [
        .library(name: "Baton", targets: ["Baton"]),
        .executable(name: "baton", targets: ["baton-cli"]),
        .executable(name: "baton-agent", targets: ["baton-agent"]),
        .executable(name: "baton-relay", targets: ["baton-relay"]),
        .executable(name: "baton-conformance", targets: ["baton-conformance"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        // C, from Debian's packages
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CXXHash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CLinux"),

        // Libraries, from the ground up
        .target(name: "BatonProtocol", dependencies: ["CXXHash", nio], swiftSettings: strict),
        .target(name: "BatonTLS", dependencies: ["COpenSSL", nio], swiftSettings: strict),
        .target(
            name: "BatonTransport",
            dependencies: ["BatonProtocol", "BatonTLS", "CLinux", nio, nioPosix, logging],
            swiftSettings: strict),
        .target(
            name: "BatonFiles",
            dependencies: ["BatonProtocol", "BatonTLS", "CLinux", nio, system],
            swiftSettings: strict),
        .target(
            name: "BatonTransfer", dependencies: ["BatonTransport", "BatonFiles", nio, logging], swiftSettings: strict),
        .target(
            name: "BatonRelay", dependencies: ["BatonTransfer", nio, nioPosix, logging, system], swiftSettings: strict),
        .target(
            name: "BatonAgent",
            dependencies: ["BatonTransfer", nio, nioPosix, logging, subprocess, system],
            swiftSettings: strict),
        .target(name: "BatonClient", dependencies: ["BatonTransport", nio, nioPosix], swiftSettings: strict),
        .target(
            name: "Baton",
            dependencies: [
                "BatonClient", "BatonAgent", "BatonRelay", "BatonCommandLine", "BatonFiles", "BatonTransport",
                "BatonTLS",
                "CLinux", nio, logging, system, arguments, signals,
            ],
            swiftSettings: strict),
        .target(
            name: "BatonCommandLine",
            dependencies: ["BatonProtocol", "CLinux", logging, arguments, signals],
            swiftSettings: strict),

        // Programs
        .executableTarget(
            name: "baton-relay", dependencies: ["BatonRelay", "BatonCommandLine", arguments, system],
            swiftSettings: strict),
        .executableTarget(
            name: "baton-agent", dependencies: ["BatonAgent", "BatonCommandLine", arguments, system],
            swiftSettings: strict),
        .executableTarget(
            name: "baton-cli", dependencies: ["BatonClient", "BatonCommandLine", arguments, signals],
            swiftSettings: strict),

        // The cases of Protocol/ against any relay or agent: it shares no code with them
        .executableTarget(
            name: "baton-conformance", dependencies: ["COpenSSL", "CXXHash", arguments], swiftSettings: strict),

        // Measurements: the yardstick is the same relaying in plain C, run by baton-bench beside the real programs
        .executableTarget(
            name: "baton-yardstick",
            dependencies: ["COpenSSL"],
            cSettings: [.define("_GNU_SOURCE"), .enableWarning("extra"), .treatAllWarnings(as: .error)]),
        .executableTarget(
            name: "baton-bench",
            dependencies: [
                "BatonClient", "BatonProtocol", "BatonTLS", "BatonTransport", arguments, signals, nio, nioPosix,
            ],
            swiftSettings: strict),

        // Examples of the library: the smallest one, and one with a model that learns
        .executableTarget(name: "handover", dependencies: ["Baton"], path: "Examples/Handover", swiftSettings: strict),
        .executableTarget(
            name: "train-and-deploy",
            dependencies: ["Baton"],
            path: "Examples/TrainAndDeploy",
            exclude: ["Data/README.md"],
            swiftSettings: strict),

        // Tests. PropertyTesting drives machines with random events, which a seed brings back.
        .target(name: "PropertyTesting", path: "Tests/PropertyTesting", swiftSettings: strict),
        .testTarget(
            name: "PropertyTests",
            dependencies: [
                "PropertyTesting", "Baton", "BatonAgent", "BatonClient", "BatonFiles", "BatonProtocol", "BatonRelay",
                "BatonTransfer", "BatonTransport", nio,
            ],
            swiftSettings: strict),
        .testTarget(name: "BatonRelayTests", dependencies: ["BatonRelay", "BatonProtocol"], swiftSettings: strict),
        .testTarget(name: "BatonProtocolTests", dependencies: ["BatonProtocol", nio], swiftSettings: strict),
        .testTarget(
            name: "BatonTLSTests",
            dependencies: ["BatonTLS", "COpenSSL", nio, nioPosix, nioEmbedded],
            swiftSettings: strict),
        .testTarget(
            name: "BatonTransportTests", dependencies: ["BatonTransport", "BatonProtocol", nio, nioEmbedded],
            swiftSettings: strict),
        .testTarget(
            name: "BatonFilesTests", dependencies: ["BatonFiles", "PropertyTesting"], swiftSettings: strict),
        .testTarget(
            name: "BatonTransferTests",
            dependencies: ["BatonTransfer", "BatonTransport", "BatonProtocol", nioEmbedded],
            swiftSettings: strict),
        .testTarget(
            name: "BatonTests",
            dependencies: ["Baton", "BatonFiles", "BatonProtocol", "BatonTransport", nioPosix, logging, system],
            exclude: ["Interface"], swiftSettings: strict),
        .testTarget(name: "ExampleTests", dependencies: ["train-and-deploy"], swiftSettings: strict),
        .testTarget(
            name: "DocumentationTests", dependencies: ["Baton", system], exclude: ["Manifest"], swiftSettings: strict),
        // An app to run as processes, by IntegrationTests.
        .executableTarget(
            name: "baton-test-app", dependencies: ["Baton"], path: "Tests/TestApp", swiftSettings: strict),
        .testTarget(name: "BatonAgentTests", dependencies: ["BatonAgent", "BatonProtocol"], swiftSettings: strict),
        fuzzing,
        // The programs themselves, as processes: they are dependencies so that they are built before they are run.
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "baton-relay", "baton-agent", "baton-cli", "baton-conformance", "handover", "train-and-deploy",
                "baton-test-app", "Baton", "BatonTLS", "CLinux", "CXXHash", "PropertyTesting", nio, nioPosix, system,
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

// Inputs are chosen by the paths that they take through our own code; through the libraries', they would be paths by the hundred
// thousand, to be counted after each input.
if Context.environment["BATON_FUZZ"] != nil {
    for target in package.targets where target.type == .regular && target.name.hasPrefix("Baton") {
        target.swiftSettings = strict + [.unsafeFlags(["-sanitize=fuzzer"])]
    }
}
