data_dir = "d"
encrypt = "not base64!"
