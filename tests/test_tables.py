"""Tables: the label column is found or asked for, and every cell that is no number is named with its row and column."""
import numpy
import pytest
from own_input import load_unlabelled

from kerasnd.data.sources import load_data
from kerasnd.errors import BadData, Misuse


def table(folder, text, encoding="utf-8"):
    (folder / "set.csv").write_bytes(text.encode(encoding))
    return str(folder / "set.csv")


@pytest.mark.parametrize("text", [
    "a,label,b\n1,0,2.5\n3,1,-4e1\n5,0,6\n", "\ufeffa;LABEL;b\r\n1;0;2.5\r\n3;1;-4e1\r\n\r\n5;0;6",
    "a\tClass\tb\n1\t0\t2.5\n3\t1\t-4e1\n5\t0\t6\n", 'a, "y" ,b\n" 1",0.0, 2.5\n3, 1,-40\n5,0,6\n'.replace(', "y" ', ",y"),
])
def test_a_table_in_its_usual_spellings(tmp_path, text):
    pool = load_data(table(tmp_path, text))
    assert pool.x.dtype == numpy.float32 and pool.x.tolist() == [[1, 2.5], [3, -40], [5, 6]]
    assert pool.category.tolist() == [0, 1, 0] and pool.names == ("0", "1") and pool.official is None


def test_the_label_column_may_hold_names_and_be_called_anything(tmp_path):
    pool = load_data(table(tmp_path, "kind,label\nship,1\ncat,2\nship,3\n"), label_column="kind")
    assert pool.names == ("cat", "ship") and pool.category.tolist() == [1, 0, 1] and pool.x.tolist() == [[1], [2], [3]]


@pytest.mark.parametrize("words, names", [
    (["10", "9", "10"], ("9", "10")), (["0.5", "1", "0.5"], ("0.5", "1")), (["b", "1", "b"], ("1", "b"))])
def test_labels_sort_as_numbers_where_all_are_whole(tmp_path, words, names):
    assert load_data(table(tmp_path, "a,y\n" + "".join(f"1,{word}\n" for word in words))).names == names


@pytest.mark.parametrize("text, error, told", [
    ("a,b\n1,2\n", Misuse, "0 such columns among a, b. Give --label_column=NAME."),
    ("a,y,class\n1,2,3\n", Misuse, "2 such columns"),
    ("1,2,3\n4,5,6\n", Misuse, "whose first line is numbers"),
    ("a,a,y\n1,2,0\n", Misuse, "'a' twice"), ("a,,y\n1,2,0\n", Misuse, "'' as a name"),
    ("y\n1\n", Misuse, "'y' alone"),
    ("a,colour,y\n1,2,0\n3,red,1\n", Misuse, "Received: 'red' in row 3, column 'colour'"),
    ("a,b,y\n1,2,0\n3,,1\n,4,1\n", BadData, "Received: '' in row 3, column 'b' of"),
    ("a,b,y\n1,2,0\n3,,1\n,4,1\n", BadData, "the first of 2 missing"),
    ("a,b,y\n1,2,0\n\n3,NA,1\n", BadData, "Received: 'NA' in row 4, column 'b'"),
    ("a,b,y\n1,?,0\n3,red,1\n", BadData, "Received: '?' in row 2, column 'b'"),
    ("a,b,y\n1,,0\n,,1\n5,,0\n", BadData, "the first of 4 missing values (1 in 'a', 3 in 'b')"),
    ("a,b,y\n1,,0\n,,\n5,2,0\n", BadData, "the first of 3 missing"),            # a row of nothing is a row
    ("a;b;y\n1,5;2;0\n2,5;2;1\n", Misuse, "'1,5' in row 2, column 'a'"),         # decimal commas
    ("a,b,y\n1,5 kg,0\n2,6,1\n3,7,1\n", Misuse, "'5 kg' in row 2"), ("a,b,y\n1,1e400,0\n", BadData, "must be finite in float32"),
    ("a,b,y\n1,2,0\n3,nan,1\n", BadData, "Received: 'nan' in row 3, column 'b'"),
    ("a,b,y\n1,2,0\n3,-inf,1\n4,1e99,1\n", BadData, "'-inf' in row 3, column 'b' of"),
    ("a,b,y\n1,2,0\n3,-inf,1\n4,1e99,1\n", BadData, "the first of 2 infinite values (2 in 'b')"),
    ("a,b,y\n1,2,\n", BadData, "`y` must be given for every example. Received: '' in row 2"),
    ("a,b,y\n1,2,0\n3,4\n", BadData, "Received: 2 in row 3"), ("a,b,y\n1,2,0,9\n", BadData, "Received: 4 in row 2"),
    ("a,b,y\n", BadData, "with 1 lines"), ("\n\n", BadData, "with 0 lines"), ("", BadData, "an empty file"),
    ('a,y\n"1,0\n', BadData, "readable .csv"), ("a,y\n1\x00,0\n", BadData, "NUL"),
])
def test_tables_that_are_refused(tmp_path, text, error, told):
    with pytest.raises(error) as refusal:
        load_data(table(tmp_path, text))
    assert told in str(refusal.value) and "\n" not in str(refusal.value) and "Received: " in str(refusal.value)


def test_other_encodings_and_misspelt_columns_are_refused(tmp_path):
    with pytest.raises(BadData, match="UTF-8"):
        load_data(table(tmp_path, "größe,y\n1,0\n", "latin-1"))
    with pytest.raises(Misuse, match="Did you mean 'kind'?"):
        load_data(table(tmp_path, "kind,a\n1,0\n"), label_column="kidn")


def test_unlabelled_tables_leave_the_label_out_if_there_is_one(tmp_path):
    assert load_unlabelled(table(tmp_path, "a,b\n1,2\n")).x.tolist() == [[1, 2]]
    assert load_unlabelled(table(tmp_path, "a,label\n1,cat\n")).x.tolist() == [[1]]
    assert load_unlabelled(table(tmp_path, "a,kind\n1,cat\n"), label_column="kind").x.tolist() == [[1]]


def test_delimiters_are_not_sought_inside_quotes(tmp_path):
    pool = load_data(table(tmp_path, '"a, of b, in mm";b;y\n1;2;0\n3;4;1\n'))
    assert pool.x.tolist() == [[1, 2], [3, 4]] and pool.schema["columns"][0] == {"name": "a, of b, in mm", "kind": "number"}


def test_what_spreadsheets_leave_below_a_table_is_no_row(tmp_path):
    assert load_data(table(tmp_path, "a,y\n1,0\n3,1\n,\n , \n")).x.tolist() == [[1], [3]]
