data_dir = "d"
frobnicate = true
