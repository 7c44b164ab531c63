package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Keys in badger:
//
//	| 0x10 | length of bucket | bucket | key |     a value, as | crc32c | value |
//	| 0x01 | bucket |                              how many keys a bucket has, 8 bytes, likewise
//
// The length keeps one bucket from being the prefix of another. The checksum
// is over the key too, so a value in the wrong place is a bad one.
const (
	spaceCount = 0x01
	spaceValue = 0x10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func bucketPrefix(bucket string) []byte {
	return append([]byte{spaceValue, byte(len(bucket))}, bucket...)
}

func countKey(bucket string) []byte {
	return append([]byte{spaceCount}, bucket...)
}

func seal(key, value []byte) []byte {
	sealed := make([]byte, 4, 4+len(value))
	binary.BigEndian.PutUint32(sealed, checksum(key, value))
	return append(sealed, value...)
}

// unseal is the value, unless it is not what was sealed.
func unseal(key, sealed []byte) (value []byte, ok bool) {
	if len(sealed) < 4 {
		return nil, false
	}
	value = sealed[4:]
	return value, binary.BigEndian.Uint32(sealed) == checksum(key, value)
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

func checkName(bucket, key string) error {
	if bucket == "" || len(bucket) > BucketMax {
		return fmt.Errorf("bucket name of %d bytes, limit 1 to %d", len(bucket), BucketMax)
	}
	if key == "" || len(key) > KeyMax {
		return fmt.Errorf("key of %d bytes, limit 1 to %d", len(key), KeyMax)
	}
	return nil
}
