package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/yodel-mesh/yodel/catalog"
)

const (
	// DefaultAddress is where an agent serves HTTP unless it is told otherwise.
	DefaultAddress = "127.0.0.1:8500"

	answerMax     = 64 << 20         // 10,000 nodes with their facts
	clientTimeout = 30 * time.Second // a keyring question waits for the whole mesh
	dialTimeout   = 5 * time.Second
)

// ClientConfig is where an agent is. The zero value is the one on this host.
type ClientConfig struct {
	Address string // host:port, or a URL with http or https; default DefaultAddress
	Token   string
	CAFile  string // PEM, beside the system's
}

// Client asks an agent.
type Client struct {
	config ClientConfig
	base   *url.URL
	http   *http.Client
}

// NewClient is a client of the agent at an address. It dials nothing yet.
func NewClient(c ClientConfig) (*Client, error) {
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	text := c.Address
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("agent address %q: write host:port, http://host:port or https://host:port", c.Address)
	}
	if u.Port() == "" && u.Scheme == "http" {
		u.Host = net.JoinHostPort(u.Hostname(), "8500")
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
	}
	if c.CAFile != "" {
		if transport.TLSClientConfig, err = trust(c.CAFile); err != nil {
			return nil, err
		}
	}
	u.Path = ""
	return &Client{config: c, base: u, http: &http.Client{Transport: transport}}, nil
}

func trust(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read CA certificates: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read CA certificates %s: no certificate in it", file)
	}
	return &tls.Config{RootCAs: pool}, nil
}

// Address is where the agent is, for messages.
func (c *Client) Address() string { return c.base.Host }

// ErrNoAgent is an address at which nothing answers.
var ErrNoAgent = errors.New("no agent")

// ask sends a request and decodes the answer into v, unless that is nil.
func (c *Client) ask(ctx context.Context, method, path string, query url.Values, in, v any) error {
	timeout := clientTimeout
	if wait, err := time.ParseDuration(query.Get("wait")); err == nil {
		timeout += wait + wait/16
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := c.send(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // all is read, or nobody cares
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMax+1))
	switch {
	case err != nil:
		return fmt.Errorf("read answer of %s: %w", c.Address(), err)
	case len(b) > answerMax:
		return fmt.Errorf("read answer of %s: longer than %d MiB, the limit", c.Address(), answerMax>>20)
	case resp.StatusCode != http.StatusOK:
		return c.refusal(resp, b)
	}
	if v == nil || len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read answer of %s: %w; is it a yodel agent of this version?", c.Address(), err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	var content []byte
	switch in := in.(type) {
	case nil:
	case []byte:
		content = in
	default:
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		content = b
	}
	u := *c.base
	u.RawPath = path
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	u.Path, u.RawQuery = decoded, query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	if c.config.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.config.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return resp, nil
}

// unreachable says what to do when nothing answers.
func (c *Client) unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var dns *net.DNSError
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s (connection refused); is it running? try: systemctl status yodel, or yodel agent --dev", ErrNoAgent, c.Address())
	case errors.As(err, &dns):
		return fmt.Errorf("%w at %s (%v); is the name right? see --http-addr and YODEL_HTTP_ADDR", ErrNoAgent, c.Address(), dns)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w answered at %s in time; is it overloaded, or is a firewall between? try: systemctl status yodel", ErrNoAgent, c.Address())
	case errors.As(err, &unverified):
		return fmt.Errorf("ask %s: %w; name the authority's certificate by --ca-file or YODEL_CACERT", c.Address(), err)
	case strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return fmt.Errorf("ask %s: it speaks plain HTTP; write --http-addr http://%s", c.Address(), c.Address())
	}
	return fmt.Errorf("%w at %s (%w); see --http-addr and YODEL_HTTP_ADDR", ErrNoAgent, c.Address(), err)
}

// refusal is what the agent said instead of an answer.
func (c *Client) refusal(resp *http.Response, b []byte) error {
	text := strings.TrimSpace(string(b[:min(len(b), 8<<10)]))
	switch {
	case strings.HasPrefix(text, "Client sent an HTTP request to an HTTPS server"):
		text = fmt.Sprintf("%s speaks HTTPS: write --http-addr https://%s", c.Address(), c.Address())
	case text == "":
		text = fmt.Sprintf("%s answered %s", c.Address(), resp.Status)
	}
	return &Error{resp.StatusCode, text}
}

// ask is Client.ask with the answer as a value.
func ask[T any](ctx context.Context, c *Client, method, path string, query url.Values, in any) (T, error) {
	var v T
	err := c.ask(ctx, method, path, query, in, &v)
	return v, err
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, query, nil)
}

func segment(s string) string { return url.PathEscape(s) }

// Selection narrows a list. The zero value is everything.
type Selection struct {
	Filter string
	Tags   []string // "role=datanode", all of them
}

func (s Selection) query() url.Values {
	q := url.Values{}
	if s.Filter != "" {
		q.Set("filter", s.Filter)
	}
	if len(s.Tags) > 0 {
		q["tag"] = s.Tags
	}
	return q
}

// Nodes are the nodes of a selection, by name.
func (c *Client) Nodes(ctx context.Context, s Selection) ([]*catalog.Node, error) {
	return get[[]*catalog.Node](ctx, c, "/v1/mesh/nodes", s.query())
}

// Node is everything known of one node.
func (c *Client) Node(ctx context.Context, name string) (*catalog.Node, error) {
	return get[*catalog.Node](ctx, c, "/v1/mesh/node/"+segment(name), nil)
}

// Services are the instances of a service, or with an empty name of all.
func (c *Client) Services(ctx context.Context, service string, s Selection) ([]Instance, error) {
	q := s.query()
	if service != "" {
		q.Set("service", service)
	}
	return get[[]Instance](ctx, c, "/v1/mesh/services", q)
}

// Checks are the checks of a selection.
func (c *Client) Checks(ctx context.Context, s Selection) ([]NodeCheck, error) {
	return get[[]NodeCheck](ctx, c, "/v1/mesh/checks", s.query())
}

// Conflicts are the nodes that are here under a name that another node has.
func (c *Client) Conflicts(ctx context.Context) ([]*catalog.Node, error) {
	return get[[]*catalog.Node](ctx, c, "/v1/mesh/conflicts", nil)
}

// Changes are what changed since a moment ("24h", a time, or empty for all), of
// one node or of all.
func (c *Client) Changes(ctx context.Context, since, node string) ([]catalog.Change, error) {
	q := url.Values{}
	if since != "" {
		q.Set("since", since)
	}
	if node != "" {
		q.Set("node", node)
	}
	return get[[]catalog.Change](ctx, c, "/v1/mesh/changes", q)
}

// Self is the agent itself.
func (c *Client) Self(ctx context.Context) (Agent, error) {
	return get[Agent](ctx, c, "/v1/agent/self", nil)
}

// Members are the nodes as gossip sees them.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	return get[[]Member](ctx, c, "/v1/agent/members", nil)
}

// Ready is why the agent is not ready. Empty: it is.
func (c *Client) Ready(ctx context.Context) ([]string, error) {
	err := c.ask(ctx, http.MethodGet, "/readyz", nil, nil, nil)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusServiceUnavailable {
		return strings.Split(e.Text, "\n"), nil
	}
	return nil, err
}

// Register runs the services and checks of a file on the agent's host.
func (c *Client) Register(ctx context.Context, name string, content []byte) (Registered, error) {
	return ask[Registered](ctx, c, http.MethodPut, "/v1/mesh/register", url.Values{"name": {name}}, content)
}

// DeregisterService takes an instance off the agent's host.
func (c *Client) DeregisterService(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodPut, "/v1/agent/service/deregister/"+segment(id), nil, nil, nil)
}

// DeregisterCheck takes a check off the agent's host.
func (c *Client) DeregisterCheck(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodPut, "/v1/agent/check/deregister/"+segment(id), nil, nil, nil)
}

// Maintain takes an instance, or with an empty id the agent's host, out of
// every answer, or puts it back.
func (c *Client) Maintain(ctx context.Context, serviceID string, on bool, reason string) error {
	path := "/v1/agent/maintenance"
	if serviceID != "" {
		path = "/v1/agent/service/maintenance/" + segment(serviceID)
	}
	q := url.Values{"enable": {strconv.FormatBool(on)}}
	if reason != "" {
		q.Set("reason", reason)
	}
	return c.ask(ctx, http.MethodPut, path, q, nil, nil)
}

// Join makes the agent join the mesh at an address, and says how many members
// took it in.
func (c *Client) Join(ctx context.Context, address string) (int, error) {
	j, err := ask[Joined](ctx, c, http.MethodPut, "/v1/agent/join/"+segment(address), nil, nil)
	return j.Joined, err
}

// Leave makes the agent leave the mesh and end.
func (c *Client) Leave(ctx context.Context) error {
	return c.ask(ctx, http.MethodPut, "/v1/agent/leave", nil, nil, nil)
}

// ForceLeave makes a failed node one that left; prune forgets it.
func (c *Client) ForceLeave(ctx context.Context, node string, prune bool) error {
	q := url.Values{}
	if prune {
		q.Set("prune", "true")
	}
	return c.ask(ctx, http.MethodPut, "/v1/agent/force-leave/"+segment(node), q, nil, nil)
}

// Reload makes the agent read its configuration again.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	return ask[Reloaded](ctx, c, http.MethodPut, "/v1/agent/reload", nil, nil)
}

// Keyring is which keys are on how many members.
func (c *Client) Keyring(ctx context.Context) ([]Keyring, error) {
	return get[[]Keyring](ctx, c, "/v1/operator/keyring", nil)
}

// ChangeKey does "install", "use" or "remove" with a key on every member.
func (c *Client) ChangeKey(ctx context.Context, operation, key string) error {
	method, ok := map[string]string{"install": http.MethodPost, "use": http.MethodPut, "remove": http.MethodDelete}[operation]
	if !ok {
		return fmt.Errorf("keyring operation %q: want install, use or remove", operation)
	}
	return c.ask(ctx, method, "/v1/operator/keyring", nil, map[string]string{"Key": key}, nil)
}
