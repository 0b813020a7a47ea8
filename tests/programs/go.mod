module seep.test/programs

go 1.18
