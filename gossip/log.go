package gossip

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"strings"
)

// Trouble is something that the mesh complains of and a person must mend.
type Trouble string

// The troubles that are told.
const (
	// WrongKey: somebody speaks to us with a gossip key that we do not have.
	WrongKey Trouble = "wrong key"
	// CopiedIdentity: another host uses the key of this one's data directory,
	// or of a third one's.
	CopiedIdentity Trouble = "copied identity"
)

// complaints are the words of the libraries' logs, which have no other way to
// tell of a trouble.
var complaints = []struct {
	words   string
	trouble Trouble
}{
	{"could decrypt", WrongKey},
	{"decrypt", WrongKey},
	{"Encrypt message failed", WrongKey},
	{"encryption is not configured", WrongKey},
	{"is encrypted and", WrongKey},
	{"Conflicting address for", CopiedIdentity},
	{"conflicts with another node", CopiedIdentity},
}

// logs turns the libraries' log lines to ours: their chatter is for debugging,
// since what it says of members arrives as changes.
func (c Config) logs() *log.Logger {
	return log.New(&lines{logger: c.Logger, trouble: c.Trouble}, "", 0)
}

type lines struct {
	logger  *slog.Logger
	trouble func(Trouble)
}

func (l *lines) Write(b []byte) (int, error) {
	line := string(bytes.TrimSpace(b))
	for _, c := range complaints {
		if l.trouble != nil && strings.Contains(line, c.words) {
			l.trouble(c.trouble)
			break
		}
	}
	if l.logger.Enabled(context.Background(), slog.LevelDebug) {
		l.logger.Debug("library", "line", line)
	}
	return len(b), nil
}
