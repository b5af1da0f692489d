DROP TABLE notice_translations;

DROP TABLE notices;
