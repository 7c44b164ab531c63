package world

import (
	"fmt"
	"hash/maphash"

	"github.com/yodel-mesh/yodel/catalog"
)

// numbers remembers what was said under each number, by anybody's account.
type numbers struct {
	seed maphash.Seed
	said map[number]uint64
}

type number struct {
	origin catalog.Origin
	number uint64
}

func newNumbers() *numbers {
	return &numbers{maphash.MakeSeed(), make(map[number]uint64)}
}

func (s *numbers) look(at *Host, _ int, n catalog.News) *breach {
	for _, e := range n.Entries {
		if e.Number == 0 { // known to be gone, but not since which number
			continue
		}
		var h maphash.Hash
		h.SetSeed(s.seed)
		h.WriteString(e.Key)
		h.WriteByte(0)
		h.Write(e.Value)
		of, sum := number{n.Origin, e.Number}, h.Sum64()
		if before, known := s.said[of]; known && before != sum {
			return &breach{at, nil, fmt.Sprintf("%s has another entry %q of %v under number %d than others had", at.Name, e.Key, n.Origin, e.Number)}
		}
		s.said[of] = sum
	}
	return nil
}
