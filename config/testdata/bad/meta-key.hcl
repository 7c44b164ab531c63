data_dir = "d"
node_meta { "a.b" = "1" }
tags { "" = "x" }
