module seep.test/watched

go 1.18
