service { name = "x" }
