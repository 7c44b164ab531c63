# The configuration of a yodel agent, with every key there is.
#
# The keys are Consul's (its agent configuration) wherever the meaning is the
# same; a directory of Consul service definitions loads as it is. Lines that
# begin with "#" and no space are settings to uncomment. Files are read in
# lexical order; what comes later wins, lists are added to, blocks are merged.
#
#   yodel validate /etc/yodel     says everything that is wrong, with its line
#   yodel reload                  applies what can change while running, marked
#                                 (live) here; the rest needs a restart

# ---- this host -------------------------------------------------------------

# The name in the mesh: lower case letters, digits, "-" and ".". Default: the
# host name.
#node_name = "h25.hadoop.example.com"

# Where the host stands.
#datacenter = "dc1"

# Identity, catalog and history. Required.
data_dir = "/var/lib/yodel"

# The rack, as `yodel rack` tells Hadoop. (live)
#rack = "/dc1/r12"

# The roles, for filters and jobs: yodel nodes -t role=datanode. (live)
#tags {
#  role = "datanode"
#}

# Anything else worth saying, also as TXT records. (live)
#node_meta {
#  owner = "storage"
#}

# ---- addresses and ports ---------------------------------------------------
# An address is an IP address or a go-sockaddr template such as
# "{{ GetPrivateIP }}" or "{{ GetInterfaceIP \"eth0\" }}".

# Where gossip and peers listen.
#bind_addr = "0.0.0.0"

# What others are told. Default: bind_addr, or the one private address.
#advertise_addr = "10.0.12.25"

# Where DNS and HTTP listen; several addresses are separated by spaces.
#client_addr = "127.0.0.1"

# Where one of them listens instead.
#addresses {
#  dns  = "127.0.0.1 10.0.12.25"
#  http = "127.0.0.1"
#}

#ports {
#  dns    = 8600 # UDP and TCP; -1: not served
#  http   = 8500 # TCP; -1: not served
#  gossip = 8301 # UDP and TCP; Consul's name for it, serf_lan, works too
#  peer   = 8300 # TCP
#}

# ---- the mesh --------------------------------------------------------------

# Hosts to join, tried for ever: names or addresses, with or without a port.
# A name with several addresses means all of them. (live)
#retry_join = ["h1.hadoop.example.com", "10.0.11.1:8301"]

# Between two tries. (live)
#retry_interval = "5s"

# The gossip key: 32, 24 or 16 bytes in base64, the same on every host.
# `yodel init` makes one; `yodel keyring` changes it while running.
#encrypt = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="

# A failed host is forgotten after this long.
#reconnect_timeout = "72h"

# On SIGTERM, leave the mesh. Off: a restart by systemd is not a departure. (live)
#leave_on_terminate = false

# On SIGINT (Ctrl-C), do not leave. (live)
#skip_leave_on_interrupt = false

# After `yodel leave`, the next start joins the hosts known before.
#rejoin_after_leave = false

# ---- DNS -------------------------------------------------------------------

# The zone of node and service names; "consul." for a drop-in.
#domain = "yodel."

# Another zone with the same names.
#alt_domain = "consul."

# Zones in which the hosts have their fully qualified names today. Names under
# them, and the reverse names of the hosts, are answered from the mesh.
#host_domains = ["hadoop.example.com."]

# Resolvers for all other names; without them such questions are refused. (live)
#recursors = ["192.0.2.53", "[2001:db8::53]:53"]

# All of it: (live)
#dns_config {
#  node_ttl = "0s"
#
#  # By service; "*" is for all others.
#  service_ttl {
#    "*" = "0s"
#    web = "5s"
#  }
#
#  only_passing      = false # true: instances that warn are not answered either
#  a_record_limit    = 3     # addresses in an answer about a service; 0: all
#  udp_answer_limit  = 3     # records over UDP without EDNS, 1 to 8
#  recursor_timeout  = "2s"
#  recursor_strategy = "sequential" # or "random"
#
#  # Seconds.
#  soa {
#    refresh = 3600
#    retry   = 600
#    expire  = 86400
#    min_ttl = 0 # how long "no such name" is kept
#  }
#}

# ---- HTTP beyond loopback --------------------------------------------------
# An address other than loopback needs both of these, or http_insecure.

#tls {
#  cert_file = "/etc/yodel/http.pem"
#  key_file  = "/etc/yodel/http.key"
#}

# A file with the bearer token on one line, or the token itself.
#http_token_file = "/etc/yodel/http.token"
#http_token = "3f1c..."

#http_insecure = false

# ---- services and checks (live) --------------------------------------------
# Consul's definitions, in any number of files: service, services, check and
# checks, once or many times.

#service {
#  name = "namenode"
#  id   = "namenode-1"              # unique on this host; default: the name
#  tags = ["active", "rpc"]
#  port = 8020
#  address = "10.0.12.25"           # default: the host's own
#  meta { version = "3.4.1" }
#  tagged_addresses {
#    lan { address = "10.0.12.25" port = 8020 }
#    wan { address = "198.51.100.25" port = 18020 }
#  }
#  weights { passing = 10 warning = 1 } # in SRV answers
#  enable_tag_override = false
#
#  # A check has one kind. HTTP: 2xx passes, 429 warns.
#  check {
#    id       = "namenode-http"     # unique on this host
#    name     = "JMX"
#    notes    = "see the runbook"
#    http     = "https://localhost:9871/jmx"
#    method   = "GET"
#    header   { Accept = ["application/json"] }
#    body     = ""
#    disable_redirects = true
#    tls_server_name = "nn1.hadoop.example.com"
#    tls_skip_verify = false
#
#    interval = "10s"
#    timeout  = "5s"                # default 10s; programs 30s
#    status   = "critical"          # before the first result
#    success_before_passing   = 0   # results in a row
#    failures_before_warning  = 1
#    failures_before_critical = 3
#    deregister_critical_service_after = "72h"
#    output_max_size = 4096
#  }
#
#  checks = [
#    { tcp = "localhost:8020", tcp_use_tls = false, interval = "10s" },
#    { udp = "localhost:53", interval = "10s" },
#    { grpc = "localhost:9000/hdfs", grpc_use_tls = true, interval = "10s" },
#    { h2ping = "localhost:9443", h2ping_use_tls = true, interval = "10s" },
#    { ttl = "30s" },                       # something else reports in
#    { os_service = "hadoop-hdfs-namenode.service", interval = "10s" },
#    { docker_container_id = "f972c95ebf0e", shell = "/bin/sh", args = ["/check.sh"], interval = "10s" },
#    { alias_service = "zookeeper" },       # as healthy as that one
#    { alias_node = "h1.hadoop.example.com" },
#  ]
#}

# A check of the host: a program. 0 passes, 1 warns, anything else is critical.
#check {
#  name     = "disks"
#  args     = ["/usr/lib/nagios/plugins/check_disk", "-w", "10%"]
#  interval = "1m"
#}

# A check may also say what it belongs to.
#check {
#  name       = "namenode from outside"
#  service_id = "namenode-1"
#  tcp        = "10.0.12.25:8020"
#  interval   = "10s"
#}

# Checks that are programs run only if one of these is on. (live)
#enable_local_script_checks = false # from files
#enable_script_checks = false       # from files and from HTTP

# ---- the process -----------------------------------------------------------

# trace, debug, info, warn or error. (live)
#log_level = "info"

# One JSON object per line.
#log_json = false

# ---- jobs ------------------------------------------------------------------

# Who may order jobs, in OpenSSH's allowed_signers format. None: no jobs.
#allowed_signers_file = "/etc/yodel/allowed_signers"

# ---- for a later version ---------------------------------------------------
# Accepted, with a warning, and not used yet: jobs, history, alerts, watches and
# collectors_dir.
