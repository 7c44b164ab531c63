//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// askTime is how long an agent may take to answer a question from its memory.
const askTime = time.Second

// asker holds the connections to the agent of one host.
type asker struct {
	http *http.Client
	mu   sync.Mutex // a question at a time
	udp  *dns.Conn
}

func (h *Host) asker() *asker {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asks == nil {
		h.asks = &asker{http: &http.Client{
			Timeout:   5 * time.Second,
			Transport: &http.Transport{DialContext: h.Dial, MaxIdleConnsPerHost: 2},
		}}
	}
	return h.asks
}

func (a *asker) close() {
	a.http.CloseIdleConnections()
	if a.udp != nil {
		a.udp.Close()
	}
}

// Ask puts a question to the host's own agent.
func (h *Host) Ask(name string, kind uint16) (*dns.Msg, error) {
	a := h.asker()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.udp == nil {
		c, err := h.Dial(context.Background(), "udp", net.JoinHostPort("127.0.0.1", fmt.Sprint(DNSPort)))
		if err != nil {
			return nil, err
		}
		a.udp = &dns.Conn{Conn: c, UDPSize: 4096}
	}
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	q.SetEdns0(4096, false)
	a.udp.SetDeadline(time.Now().Add(askTime))
	if err := a.udp.WriteMsg(q); err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", h.Name, name, err)
	}
	for {
		m, err := a.udp.ReadMsg()
		if err != nil {
			return nil, fmt.Errorf("ask %s for %s: %w", h.Name, name, err)
		}
		if m.Id == q.Id { // else an answer that came too late
			return m, nil
		}
	}
}

// Lookup is the addresses or names that answer a question, sorted. None is
// an empty list.
func (h *Host) Lookup(name string, kind uint16) ([]string, error) {
	m, err := h.Ask(name, kind)
	if err != nil {
		return nil, err
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("%s answers %s with %s", h.Name, name, dns.RcodeToString[m.Rcode])
	}
	var out []string
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			out = append(out, rr.A.String())
		case *dns.PTR:
			out = append(out, strings.TrimSuffix(rr.Ptr, "."))
		}
	}
	slices.Sort(out)
	return out, nil
}

// Resolves is nil if the agent of the host answers a name of another host with
// its address.
func (h *Host) Resolves(name, address string) error {
	got, err := h.Lookup(name, dns.TypeA)
	if err == nil && !slices.Equal(got, []string{address}) {
		err = fmt.Errorf("%s answers %s with %v, want %s", h.Name, name, got, address)
	}
	return err
}

// ResolvesBack is nil if the agent of the host answers an address with a name.
func (h *Host) ResolvesBack(address, name string) error {
	reverse, err := dns.ReverseAddr(address)
	if err != nil {
		return err
	}
	got, err := h.Lookup(reverse, dns.TypePTR)
	if err == nil && !slices.Equal(got, []string{name}) {
		err = fmt.Errorf("%s answers %s with %v, want %s", h.Name, address, got, name)
	}
	return err
}

// ErrStatus is an HTTP answer that is no success.
var ErrStatus = errors.New("HTTP status")

// Get asks the host's own agent over HTTP.
func (h *Host) Get(path string) ([]byte, error) { return h.request(http.MethodGet, path, "") }

// Put tells the host's own agent something over HTTP.
func (h *Host) Put(path, body string) error {
	_, err := h.request(http.MethodPut, path, body)
	return err
}

func (h *Host) request(method, path, body string) ([]byte, error) {
	req, err := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d%s", HTTPPort, path), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := h.asker().http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %w %d: %s", h.Name, path, ErrStatus, resp.StatusCode, strings.TrimSpace(string(b)))
	}
	return b, err
}

// GetJSON asks the host's own agent and decodes the answer.
func (h *Host) GetJSON(path string, v any) error {
	b, err := h.Get(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: read %s: %w", h.Name, path, err)
	}
	return nil
}

// Register makes an instance without a check on the host: a change that
// everybody must hear of.
func (h *Host) Register(service string) error {
	return h.Put("/v1/mesh/register?name=lab.hcl", fmt.Sprintf("service {\n name = %q\n port = 9\n}\n", service))
}

// Deregister takes it away.
func (h *Host) Deregister(service string) error {
	return h.Put("/v1/agent/service/deregister/"+service, "")
}
