package config

// consulKeys are the keys of Consul's agent configuration that have no meaning
// without servers, ACLs or a service mesh, or that we settle ourselves
// (its agent/config/config.go).
func consulKeys() []string {
	return []string{
		"acl", "acl_agent_master_token", "acl_agent_token", "acl_datacenter", "acl_default_policy", "acl_down_policy",
		"acl_enable_key_list_policy", "acl_enforce_version_8", "acl_master_token", "acl_replication_token", "acl_token",
		"acl_ttl", "advertise_addr_ipv4", "advertise_addr_ipv6", "advertise_addr_wan", "advertise_addr_wan_ipv4",
		"advertise_addr_wan_ipv6", "advertise_addrs", "advertise_reconnect_timeout", "audit", "auto_config",
		"auto_encrypt", "auto_reload_config", "autopilot", "bootstrap", "bootstrap_expect", "ca_file", "ca_path",
		"cache", "cert_file", "check_output_max_size", "check_update_interval", "cloud", "config_entries", "connect",
		"default_intention_policy", "default_query_time", "disable_anonymous_signature", "disable_coordinates",
		"disable_host_node_id", "disable_http_unprintable_char_filter", "disable_keyring_file", "disable_remote_exec",
		"disable_update_check", "discard_check_output", "discovery_max_stale", "enable_acl_replication",
		"enable_agent_tls_for_checks", "enable_central_service_config", "enable_debug", "enable_syslog",
		"encrypt_verify_incoming", "encrypt_verify_outgoing", "experiments", "gossip_lan", "gossip_wan", "http_config",
		"key_file", "license_path", "limits", "locality", "log_file", "log_rotate_bytes", "log_rotate_duration",
		"log_rotate_max_files", "log_sublevels", "max_query_time", "node_id", "non_voting_server", "partition",
		"peering", "performance", "pid_file", "primary_datacenter", "primary_gateways", "primary_gateways_interval",
		"protocol", "raft_boltdb", "raft_logstore", "raft_protocol", "raft_snapshot_interval", "raft_snapshot_threshold",
		"raft_trailing_logs", "read_replica", "reconnect_timeout_wan", "reporting", "retry_interval_wan",
		"retry_join_wan", "retry_max", "retry_max_wan", "rpc", "segment", "segments", "serf_lan",
		"serf_lan_allowed_cidrs", "serf_wan", "serf_wan_allowed_cidrs", "server", "server_name", "server_rejoin_age_max",
		"session_ttl_min", "snapshot_agent", "start_join_wan", "syslog_facility", "tagged_addresses", "telemetry",
		"tls_cipher_suites", "tls_min_version", "tls_prefer_server_cipher_suites", "translate_wan_addrs", "ui",
		"ui_config", "ui_content_path", "ui_dir", "unix_sockets", "use_streaming_backend", "verify_incoming",
		"verify_incoming_https", "verify_incoming_rpc", "verify_outgoing", "verify_server_hostname", "virtual_ips",
		"xds",
	}
}
