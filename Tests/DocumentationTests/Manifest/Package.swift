// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "handover",
    dependencies: [
        .package(path: "../baton")
    ],
    targets: [
        .executableTarget(
            name: "handover",
            dependencies: [
                .product(name: "Baton", package: "baton")
            ])
    ]
)
