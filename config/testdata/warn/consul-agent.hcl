# A client agent's configuration as Consul's documentation has it.
data_dir = "/opt/consul"
datacenter = "East-1"
node_name = "Web-01"
server = false
bootstrap_expect = 3
encrypt = "qDOPBEr+/oUVeOFQOnVypxwDaHzLrD+lvjo5vCEBbZ0="
retry_join = ["10.0.4.67"]
bind_addr = "10.0.4.68"
acl { enabled = true tokens { agent = "x" } }
connect { enabled = true }
ports { grpc = 8502 serf_wan = -1 }
ui_config { enabled = true }
telemetry { statsite_address = "127.0.0.1:2180" }
performance { raft_multiplier = 1 }
dns_config { allow_stale = true only_passing = true }
watches = [{ type = "checks", handler = "/usr/bin/health-check-handler.sh" }]
service {
  name = "web"
  port = 80
  token = "x"
  connect { sidecar_service {} }
}
service { name = "db" connect { native = true } }
