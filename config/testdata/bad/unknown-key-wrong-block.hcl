data_dir = "d"
node_ttl = "5s"
ports { grpc_use_tls = true }
