module positions

go 1.18
