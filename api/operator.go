package api

import (
	"encoding/json"
	"net/http"
)

// routeOperator serves Consul's keyring paths.
func (s *server) routeOperator() {
	s.handle("GET /v1/operator/keyring", s.keyring("list"))
	s.handle("POST /v1/operator/keyring", s.keyring("install"))
	s.handle("PUT /v1/operator/keyring", s.keyring("use"))
	s.handle("DELETE /v1/operator/keyring", s.keyring("remove"))
}

func (s *server) keyring(operation string) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		key := ""
		if operation != "list" {
			b, err := body(r)
			if err != nil {
				return nil, err
			}
			var said struct{ Key string }
			if err := json.Unmarshal(b, &said); err != nil || said.Key == "" {
				return nil, Invalid(`the body is {"Key": "base64 of 16, 24 or 32 bytes"}: yodel keyring generate makes a key`)
			}
			key = said.Key
		}
		ring, err := s.backend.Keyring(operation, key)
		if err != nil {
			return nil, err
		}
		if operation != "list" {
			return nil, nil
		}
		ring.Keys, ring.PrimaryKeys = wholeMap(ring.Keys), wholeMap(ring.PrimaryKeys)
		return []Keyring{ring}, nil
	}
}
