data_dir = "d"
node_meta {
  a = "1"
  a = "2"
}
