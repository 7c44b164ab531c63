package checks

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	// An answer of the engine about one exec is a few hundred bytes.
	engineAnswerMax = 64 << 10
	// The engine notes the exit code a moment after the output has ended.
	enginePoll = 50 * time.Millisecond
	// For ending an exec that is late; with one more termGrace within overrun.
	abandonTime = 2 * time.Second
)

// dockerHost is where the engine listens, found as the docker command does.
func dockerHost() string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host
	}
	return "unix:///var/run/docker.sock"
}

// dockerProbe runs a program inside a container, by the engine's API (exec
// create, start, inspect; docs.docker.com/reference/api/engine). The paths have
// no version: each engine serves its own. The engine cannot end an exec; a late
// one is found on this host by its mark, and where that is impossible (another
// host, or not root) it is waited for before the next run.
func dockerProbe(d Definition, host string) Probe {
	e, err := newEngine(host)
	if err != nil {
		return func(context.Context) (Status, string) { return Critical, err.Error() }
	}
	return engineProbe(d, e)
}

func engineProbe(d Definition, e *engine) Probe {
	var id, mark string // of the last run; id is empty once it is known to have ended
	return func(ctx context.Context) (Status, string) {
		if id != "" && !e.abandon(id, mark) {
			return Critical, "the previous run still goes on in the container; not starting another"
		}
		out := newTail(d.OutputMaxSize)
		mark = newMark()
		var err error
		if id, err = e.create(ctx, d.DockerContainerID, dockerCommand(d), mark); err != nil {
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		code, err := e.run(ctx, id, out)
		switch {
		case err == nil:
			id = ""
			return exitStatus(code), out.String()
		case ctx.Err() == nil:
			return Critical, head(err.Error(), d.OutputMaxSize)
		}
		if e.abandon(id, mark) {
			id = ""
		}
		return Critical, out.String()
	}
}

// abandon ends an exec that nobody waits for any more, if it can, and is
// whether the engine no longer runs it. An engine that does not answer, or has
// forgotten the exec, counts as not running it.
func (e *engine) abandon(id, mark string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), abandonTime)
	defer cancel()
	for {
		state, err := e.inspect(ctx, id)
		if err != nil || !state.Running {
			return true
		}
		if !e.local {
			return false
		}
		newFamily(0, mark).end(termGrace)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(enginePoll):
		}
	}
}

// dockerCommand is Args as they are; a single one is a command line if there is
// a shell to read it.
func dockerCommand(d Definition) []string {
	if d.Shell != "" && len(d.Args) == 1 {
		return []string{d.Shell, "-c", d.Args[0]}
	}
	return d.Args
}

// An engine is Docker, or what speaks its API.
type engine struct {
	client *http.Client
	base   string
	local  bool // on this host
}

func newEngine(host string) (*engine, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("read DOCKER_HOST: %v", err)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	e := &engine{}
	switch {
	case u.Scheme == "unix" && u.Path != "":
		e.base, e.local = "http://docker", true
		e.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, "unix", u.Path)
		}}}
	case (u.Scheme == "tcp" || u.Scheme == "http") && u.Host != "" && os.Getenv("DOCKER_TLS_VERIFY") == "":
		e.base = "http://" + u.Host
		e.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
	default:
		return nil, fmt.Errorf("read DOCKER_HOST: %q; only unix:///path and, without TLS, tcp://host:port are supported", host)
	}
	return e, nil
}

func (e *engine) create(ctx context.Context, container string, command []string, mark string) (string, error) {
	var created struct{ Id string }
	err := e.ask(ctx, http.MethodPost, "/containers/"+url.PathEscape(container)+"/exec", map[string]any{
		"AttachStdout": true, "AttachStderr": true, "Cmd": command, "Env": []string{mark},
	}, &created)
	if err == nil && created.Id == "" {
		err = errors.New("create exec in " + container + ": the engine gave it no id")
	}
	return created.Id, err
}

// run starts an exec, copies its output, and waits for its exit code.
func (e *engine) run(ctx context.Context, id string, out io.Writer) (int, error) {
	resp, err := e.call(ctx, http.MethodPost, "/exec/"+url.PathEscape(id)+"/start", map[string]any{"Detach": false, "Tty": false})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if err := demultiplex(out, resp.Body); err != nil {
		return 0, fmt.Errorf("read exec output: %w", err)
	}
	for {
		state, err := e.inspect(ctx, id)
		if err != nil {
			return 0, err
		}
		if !state.Running && state.ExitCode != nil {
			return *state.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(enginePoll):
		}
	}
}

type execState struct {
	Running  bool
	ExitCode *int // null until known
}

func (e *engine) inspect(ctx context.Context, id string) (execState, error) {
	var s execState
	return s, e.ask(ctx, http.MethodGet, "/exec/"+url.PathEscape(id)+"/json", nil, &s)
}

// ask is a call whose answer is one JSON value.
func (e *engine) ask(ctx context.Context, method, path string, body, answer any) error {
	resp, err := e.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, engineAnswerMax)).Decode(answer); err != nil {
		return fmt.Errorf("read the engine's answer to %s: %v", path, err)
	}
	return nil
}

// call is one request; an answer outside 2xx is an error in the engine's words.
func (e *engine) call(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, e.base+path, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, engineAnswerMax))
	var said struct{ Message string }
	if json.Unmarshal(text, &said) != nil || said.Message == "" {
		said.Message = strings.TrimSpace(string(text))
	}
	return nil, fmt.Errorf("%s: %s: %s", path, resp.Status, said.Message)
}

// demultiplex copies the payload of the frames in which the engine sends
// standard output and error without a terminal:
//
//	stream (1 byte: 0 to 3) | 0 0 0 | length (4 bytes, big-endian) | payload
func demultiplex(w io.Writer, r io.Reader) error {
	var header [8]byte
	for {
		if _, err := io.ReadFull(r, header[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if header[0] > 3 || header[1]|header[2]|header[3] != 0 {
			return fmt.Errorf("frame header % x is not Docker's", header)
		}
		if _, err := io.CopyN(w, r, int64(binary.BigEndian.Uint32(header[4:]))); err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
}
