"""The usual names of columns, in lower case, by what they hold."""

TEXT_NAMES = (
    *("text", "texts", "sentence", "sentences", "review", "reviews", "content", "comment"),
    *("comments", "message", "messages", "tweet", "tweets", "body", "post", "posts", "utterance"),
    *("question", "query", "document", "description", "headline", "title", "email", "mail", "sms"),
    *("abstract", "input", "smiles", "sequence", "review_text", "reviewtext", "comment_text"),
    *("tweet_text", "transcript"),
)
LABEL_NAMES = (
    *("label", "labels", "category", "categories", "class", "classes", "target", "sentiment"),
    *("intent", "topic", "tag", "emotion", "polarity", "genre", "rating", "stars", "y"),
)
FILE_NAMES = (
    *("file_name", "filename", "file", "filepath", "file_path", "path", "image", "image_path"),
    *("img", "audio"),
)
# Not `subject` and `group`: those of mails, news and experiments are no persons.
GROUP_NAMES = ("speaker", "speaker_id", "patient", "patient_id", "subject_id", "group_id")
SPLIT_COLUMN_NAMES = ("split", "subset", "partition", "set")
ID_NAMES = {"", "id", "idx", "index", "uuid", "num", "number", "no", "row", "#"}
