# A directory of Consul definitions, every kind of check among them.
data_dir                   = "/var/lib/yodel"
node_name                  = "nn1.hadoop.example.com"
enable_local_script_checks = true

service {
  id   = "redis-1"
  name = "redis"
  tags = ["primary", "v7"]
  address = "10.0.0.5"
  port = 8000
  meta = {
    version = "7.2"
  }
  tagged_addresses {
    lan = {
      address = "192.168.0.55"
      port    = 8000
    }
    wan {
      address = "198.18.0.23"
      port    = 80
    }
  }
  weights = {
    passing = 5
  }
  enable_tag_override = true
  check {
    args     = ["/usr/local/bin/check_redis.py", "-p", "8000"]
    interval = "10s"
    timeout  = "1s"
  }
}

services {
  name = "api"
  port = 8080
  checks = [
    {
      id              = "api-http"
      name            = "HTTP API on port 8080"
      http            = "https://localhost:8080/health"
      tls_server_name = "api.example.com"
      tls_skip_verify = true
      method          = "POST"
      header          = { Content-Type = ["application/json"], X = ["1", "2"] }
      body            = "{\"method\":\"health\"}"
      disable_redirects = true
      interval        = "10s"
      timeout         = "1s"
      success_before_passing            = 3
      failures_before_warning           = 1
      failures_before_critical          = 2
      deregister_critical_service_after = "90m"
      output_max_size = 8192
      status          = "passing"
      notes           = "of the API"
    },
    { tcp = "localhost:8080", tcp_use_tls = true, interval = "10s" },
  ]
}

checks = [
  { name = "udp", udp = "localhost:9053", interval = "10s", timeout = "1s" },
  { name = "ttl", ttl = "30s", service_id = "api" },
  { name = "docker", docker_container_id = "f972c95ebf0e", shell = "/bin/bash", args = ["/check.py"], interval = "10s" },
  { name = "grpc", grpc = "127.0.0.1:12345/my.Service", grpc_use_tls = true, interval = "10s" },
  { name = "h2ping", h2ping = "localhost:22222", interval = "10s" },
  { name = "h2c", h2ping = "localhost:22223", h2ping_use_tls = false, interval = "10s" },
  { id = "alias", alias_service = "redis-1" },
  { name = "alias node", alias_node = "dn1" },
]

check {
  name       = "units"
  os_service = "sshd.service"
  interval   = "1m"
}
