"""XXH3, 64 bits, seed 0: the checksum of a CHUNK (chapter 7)."""
from operator import xor
from struct import unpack, unpack_from

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
MX1, MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25
LOW, MASK = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def word(data: bytes, at: int) -> int:
    return unpack_from("<Q", data, at)[0]


def half(data: bytes, at: int) -> int:
    return unpack_from("<I", data, at)[0]


def rotate(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & MASK


def fold(a: int, b: int) -> int:
    product = a * b
    return product & MASK ^ product >> 64


def swap(value: int) -> int:
    return int.from_bytes(value.to_bytes(8, "little"), "big")


def avalanche(h: int) -> int:
    h = (h ^ h >> 37) * MX1 & MASK
    return h ^ h >> 32


def avalanche_short(h: int) -> int:
    h = (h ^ h >> 33) * P64_2 & MASK
    h = (h ^ h >> 29) * P64_3 & MASK
    return h ^ h >> 32


def mix(data: bytes, at: int, key: int) -> int:
    return fold(word(data, at) ^ word(SECRET, key), word(data, at + 8) ^ word(SECRET, key + 8))


def xxh3(data: bytes) -> int:
    n = len(data)
    if n <= 16:
        return upto16(data, n)
    if n <= 128:
        h = n * P64_1
        for i in range((n - 1) // 32, -1, -1):
            h += mix(data, 16 * i, 32 * i) + mix(data, n - 16 * (i + 1), 32 * i + 16)
        return avalanche(h & MASK)
    if n <= 240:
        h = avalanche((n * P64_1 + sum(mix(data, 16 * i, 16 * i) for i in range(8))) & MASK)
        h += sum(mix(data, 16 * i, 16 * (i - 8) + 3) for i in range(8, n // 16))
        return avalanche((h + mix(data, n - 16, 119)) & MASK)
    return long(data, n)


def upto16(data: bytes, n: int) -> int:
    if n == 0:
        return avalanche_short(word(SECRET, 56) ^ word(SECRET, 64))
    if n <= 3:
        mixed = data[0] << 16 | data[n >> 1] << 24 | data[n - 1] | n << 8
        return avalanche_short(mixed ^ half(SECRET, 0) ^ half(SECRET, 4))
    if n <= 8:
        h = (half(data, n - 4) | half(data, 0) << 32) ^ word(SECRET, 8) ^ word(SECRET, 16)
        h = (h ^ rotate(h, 49) ^ rotate(h, 24)) * MX2 & MASK
        h = (h ^ (h >> 35) + n) * MX2 & MASK
        return h ^ h >> 28
    low = word(data, 0) ^ word(SECRET, 24) ^ word(SECRET, 32)
    high = word(data, n - 8) ^ word(SECRET, 40) ^ word(SECRET, 48)
    return avalanche((n + swap(low) + high + fold(low, high)) & MASK)


def long(data: bytes, n: int) -> int:
    lanes = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    scramble = unpack_from("<8Q", SECRET, 128)
    blocks, rest = divmod(n - 1, 1024)
    for block in range(blocks):
        accumulate(lanes, data[block * 1024:block * 1024 + 1024], 16)
        for i in range(8):
            lanes[i] = (lanes[i] ^ lanes[i] >> 47 ^ scramble[i]) * P32_1 & MASK
    stripes = rest // 64
    accumulate(lanes, data[blocks * 1024:blocks * 1024 + stripes * 64], stripes)
    accumulate(lanes, data[n - 64:], 1, 121)
    h = n * P64_1 + sum(fold(lanes[i] ^ word(SECRET, 11 + 8 * i), lanes[i + 1] ^ word(SECRET, 19 + 8 * i))
                        for i in range(0, 8, 2))
    return avalanche(h & MASK)


def accumulate(lanes: list[int], data: bytes, stripes: int, key: int = 0) -> None:
    """Adds stripes of 64 bytes. Between two scrambles it is all sums, so that one lane can be added at a time."""
    words = unpack(f"<{8 * stripes}Q", data)
    for i in range(8):
        keys = unpack_from(f"<{stripes}Q", SECRET, key + 8 * i)
        total = sum(words[i ^ 1::8])
        for k in map(xor, words[i::8], keys):
            total += (k & LOW) * (k >> 32)
        lanes[i] = (lanes[i] + total) & MASK
