package catalog

// Service is one instance of a named thing to connect to, on one node. The
// fields are those of Consul's service definition and mean the same.
type Service struct {
	ID                string                   `json:"ID" cbor:"1,keyasint"`
	Name              string                   `json:"Service" cbor:"2,keyasint"`
	Tags              []string                 `json:"Tags" cbor:"3,keyasint,omitempty"`
	Address           string                   `json:"Address" cbor:"4,keyasint,omitempty"` // an IP address or a host name; empty: the node's own
	Port              int                      `json:"Port" cbor:"5,keyasint,omitempty"`    // 0 to 65535; 0: none
	Meta              map[string]string        `json:"Meta" cbor:"6,keyasint,omitempty"`
	TaggedAddresses   map[string]TaggedAddress `json:"TaggedAddresses,omitempty" cbor:"7,keyasint,omitempty"`
	Weights           Weights                  `json:"Weights" cbor:"8,keyasint,omitzero"`
	EnableTagOverride bool                     `json:"EnableTagOverride" cbor:"9,keyasint,omitempty"`
}

// TaggedAddress is another address of an instance, such as "lan" or "wan".
type TaggedAddress struct {
	Address string `json:"Address" cbor:"1,keyasint"`
	Port    int    `json:"Port" cbor:"2,keyasint,omitempty"`
}

// Weights are the SRV weights of an instance (RFC 2782) while its checks pass
// or warn. The zero value means 1 and 1.
type Weights struct {
	Passing int `json:"Passing" cbor:"1,keyasint,omitempty"`
	Warning int `json:"Warning" cbor:"2,keyasint,omitempty"`
}
